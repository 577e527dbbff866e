/* Look up elements with atlas_dictionary.h: one question a line on standard input, one answer a
 * line on standard output, fields parted by tabs.
 *
 *     cc -std=c99 -o example example.c
 *     printf 'SIEMENS MR HEADER\t0019\t100a\n\t0010\t0010\n' | ./example atlas.adict
 *
 * A question is creator, group and element; a standard element has an empty creator. An answer is
 * VR, VM, keyword, name, description, creator, tag, mask, flags and confidence, or an empty line.
 * Without questions (end of file at once) nothing but the file is checked.
 */
#include <stdio.h>
#include <stdlib.h>

#include "atlas_dictionary.h"

int main(int count, char **arguments) {
    atlas_dictionary d;
    atlas_entry e;
    char line[4096];
    if (count != 2) {
        fprintf(stderr, "usage: %s FILE\n", arguments[0]);
        return 2;
    }
    const char *fault = atlas_open(&d, arguments[1]);
    if (fault) {
        fprintf(stderr, "%s: %s\n", arguments[1], fault);
        return 1;
    }
    while (fgets(line, sizeof line, stdin)) {
        char *group = strchr(line, '\t'), *element = group ? strchr(group + 1, '\t') : 0;
        if (!element) continue;
        *group = 0;
        unsigned g = (unsigned)strtoul(group + 1, 0, 16), n = (unsigned)strtoul(element + 1, 0, 16);
        if (*line ? atlas_private(&d, line, g, n, &e) : atlas_public(&d, (uint32_t)g << 16 | n, &e))
            printf("%s\t%s\t%s\t%s\t%s\t%s\t%08x\t%08x\t%u\t%u", e.vr, e.vm, e.keyword, e.name,
                   e.description, e.creator ? e.creator : "", (unsigned)e.tag, (unsigned)e.mask,
                   e.flags, e.confidence);
        putchar('\n');
    }
    int sound = atlas_body_is_sound(&d);
    if (!sound) fprintf(stderr, "%s: wrong body checksum\n", arguments[1]);
    atlas_close(&d);
    return sound ? 0 : 1;
}
