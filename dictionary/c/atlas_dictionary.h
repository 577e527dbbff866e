/* Reader of compiled DICOM dictionaries, as FORMAT.md (version 1) specifies them.
 *
 * C99 on POSIX systems, no library, no allocation. The file is mapped read-only; the strings of an
 * entry live as long as the dictionary is open. Threads may share it. No question, and no damage
 * to the file, makes these functions look outside of a section.
 *
 *     atlas_dictionary d;
 *     atlas_entry e;
 *     const char *fault = atlas_open(&d, "atlas.adict");
 *     if (!fault && atlas_private(&d, "SIEMENS MR HEADER", 0x0019, 0x100A, &e))
 *         puts(e.vr);
 */
#ifndef ATLAS_DICTIONARY_H
#define ATLAS_DICTIONARY_H
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
typedef const unsigned char *atlas_bytes;
enum { ATLAS_META, ATLAS_SRCS, ATLAS_CRTR, ATLAS_SPEL, ATLAS_BLKS, ATLAS_BNAM, ATLAS_BHSH,
       ATLAS_ENTR, ATLAS_CAND, ATLAS_COND, ATLAS_SREF, ATLAS_PATT, ATLAS_THSH, ATLAS_KHSH,
       ATLAS_STRS, ATLAS_SECTIONS };
enum { ATLAS_RETIRED = 1, ATLAS_INFERRED = 2, ATLAS_OBSERVED = 4, ATLAS_SAFE = 8,
       ATLAS_AMBIGUOUS = 16, ATLAS_DISAGREEMENT = 32 };

typedef struct { uint32_t offset, count, stride; } atlas_section;
typedef struct {
    atlas_bytes data;
    uint32_t size, header;
    atlas_section section[ATLAS_SECTIONS];
} atlas_dictionary;
typedef struct {
    uint32_t tag, mask; /* a digit counts where the mask has F */
    const char *creator, *name, *keyword, *description, *vm; /* creator: NULL where standard */
    char vr[3];                 /* "UN" where there is no VR, or no single one */
    unsigned flags, confidence; /* ATLAS_RETIRED and so on; 0 to 100 */
} atlas_entry;

static inline uint32_t atlas_u16(atlas_bytes p) { return p[0] | (uint32_t)p[1] << 8; }
static inline uint32_t atlas_u32(atlas_bytes p) { return atlas_u16(p) | atlas_u16(p + 2) << 16; }
/* One byte more into a CRC-32, which starts with all bits set and ends inverted. */
static inline uint32_t atlas_crc(uint32_t crc, unsigned byte) {
    crc ^= byte & 0xFF;
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    return crc;
}

/* Sections and header; NULL, or why the file is refused (FORMAT.md, "What a reader refuses"). */
static inline const char *atlas_header(atlas_dictionary *d) {
    static const char tags[] = "METASRCSCRTRSPELBLKSBNAMBHSHENTRCANDCONDSREFPATTTHSHKHSHSTRS";
    static const unsigned char least[] = {8, 32, 24, 4, 48, 8, 4, 44, 12, 12, 12, 12, 4, 4, 1};
    atlas_bytes p = d->data;
    if (d->size < 32 || memcmp(p, "\x89" "ADICT\r\n", 8)) return "not a compiled dictionary";
    if (atlas_u16(p + 8) != 1) return "another major version";
    if (atlas_u32(p + 16) != d->size) return "the length is not that of the file";
    uint32_t sections = atlas_u32(p + 20), crc = ~0u;
    uint64_t end = d->header = atlas_u32(p + 12);
    if (sections > 256 || d->header != 32 + 16 * sections || d->header > d->size)
        return "wrong header length";
    for (uint32_t i = 0; i < d->header; i++) crc = atlas_crc(crc, i - 28 < 4 ? 0 : p[i]);
    if (~crc != atlas_u32(p + 28)) return "wrong header checksum";
    for (p += 32; sections--; p += 16) {
        atlas_section s = {atlas_u32(p + 4), atlas_u32(p + 8), atlas_u32(p + 12)};
        int misplaced = s.offset < end || s.offset % 8;
        end = s.offset + (uint64_t)s.count * s.stride;
        if (misplaced || end > d->size) return "misplaced section";
        for (atlas_bytes q = p - 16; q >= d->data + 32; q -= 16)
            if (!memcmp(p, q, 4)) return "section that appears twice";
        if (!s.stride || s.stride > 0xFFFF) return "records without length or too long";
        for (int i = 0; i < ATLAS_SECTIONS; i++) {
            if (memcmp(p, tags + 4 * i, 4)) continue;
            if (s.stride < least[i]) return "records that are too short";
            d->section[i] = s;
        }
    }
    for (int i = 0; i < ATLAS_SECTIONS; i++) {
        uint32_t slots = d->section[i].count;
        if (!d->section[i].stride) return "missing section";
        if ((i == ATLAS_BHSH || i == ATLAS_THSH || i == ATLAS_KHSH) &&
            (slots < 2 || slots & (slots - 1))) return "wrong size of a hash table";
    }
    atlas_section s = d->section[ATLAS_STRS];
    if (s.stride != 1 || !s.count || d->data[s.offset] || d->data[s.offset + s.count - 1])
        return "strings without begin or end";
    return 0;
}
static inline void atlas_close(atlas_dictionary *d) {
    if (d->data) munmap((void *)(uintptr_t)d->data, d->size);
    memset(d, 0, sizeof *d);
}
/* Map the file; NULL, or why it cannot be used: then nothing is open. */
static inline const char *atlas_open(atlas_dictionary *d, const char *path) {
    struct stat status;
    void *data = MAP_FAILED;
    int file = open(path, O_RDONLY);
    memset(d, 0, sizeof *d);
    if (file < 0) return "cannot be read";
    if (!fstat(file, &status) && status.st_size >= 32 && status.st_size <= 0xFFFFFFFF)
        data = mmap(0, (size_t)status.st_size, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (data == MAP_FAILED) return "not a compiled dictionary";
    d->data = (atlas_bytes)data, d->size = (uint32_t)status.st_size;
    const char *fault = atlas_header(d);
    if (fault) atlas_close(d);
    return fault;
}
/* Whether the checksum of the body is right; reads the whole file. */
static inline int atlas_body_is_sound(const atlas_dictionary *d) {
    uint32_t crc = ~0u;
    for (uint32_t i = d->header; i < d->size; i++) crc = atlas_crc(crc, d->data[i]);
    return ~crc == atlas_u32(d->data + 24);
}

static inline atlas_bytes atlas_record(const atlas_dictionary *d, int tag, uint32_t n) {
    const atlas_section *s = &d->section[tag];
    return n < s->count ? d->data + s->offset + (size_t)n * s->stride : 0;
}
static inline const char *atlas_string(const atlas_dictionary *d, uint32_t n) {
    const atlas_section *s = &d->section[ATLAS_STRS];
    return (const char *)d->data + s->offset + (n < s->count ? n : 0);
}

/* Entry number n, from 0 to section[ATLAS_ENTR].count - 1; 0 where there is none. */
static inline int atlas_entry_at(const atlas_dictionary *d, uint32_t n, atlas_entry *e) {
    atlas_bytes p = atlas_record(d, ATLAS_ENTR, n);
    if (!p) return 0;
    atlas_bytes creator = atlas_record(d, ATLAS_CRTR, atlas_u32(p + 8) - 1);
    e->tag = atlas_u32(p), e->mask = atlas_u32(p + 4);
    e->creator = creator ? atlas_string(d, atlas_u32(creator)) : 0;
    const char **texts[] = {&e->name, &e->keyword, &e->description, &e->vm};
    for (int i = 0; i < 4; i++) *texts[i] = atlas_string(d, atlas_u32(p + 12 + 4 * i));
    e->flags = atlas_u16(p + 38), e->confidence = p[42];
    memcpy(e->vr, p + 40, 2), e->vr[2] = 0;
    return 1;
}
/* Record number plus one in the slot that is n after that of the hash; 0: not in the table. */
static inline uint32_t atlas_slot(const atlas_dictionary *d, int tag, uint32_t hash, uint32_t n) {
    uint32_t slots = d->section[tag].count;
    return n < slots ? atlas_u32(atlas_record(d, tag, (hash + n) & (slots - 1))) : 0;
}
/* Next byte of the creator at *at, folded or as written; 0 at the end. */
static inline int atlas_next(const char **at, int folded, int first) {
    const char *p = *at;
    while (folded && (*p == ' ' || (*p >= 9 && *p <= 13))) p++;
    int space = p != *at && *p && !first;
    *at = space || !*p ? p : p + 1;
    return space ? ' ' : folded && *p >= 'A' && *p <= 'Z' ? *p + 32 : (unsigned char)*p;
}
static inline atlas_bytes atlas_block(const atlas_dictionary *d, const char *creator,
                                      uint32_t group, uint32_t mask, int folded) {
    uint32_t crc = ~0u, slot;
    const char *at = creator;
    for (int byte, first = 1; (byte = atlas_next(&at, folded, first)); first = 0)
        crc = atlas_crc(crc, (unsigned)byte);
    crc = atlas_crc(atlas_crc(atlas_crc(crc, 0), group), group >> 8);
    crc = ~atlas_crc(atlas_crc(crc, mask), mask >> 8);
    for (uint32_t step = 0; (slot = atlas_slot(d, ATLAS_BHSH, crc, step)); step++) {
        atlas_bytes name = atlas_record(d, ATLAS_BNAM, slot - 1);
        atlas_bytes block = name ? atlas_record(d, ATLAS_BLKS, atlas_u32(name + 4)) : 0;
        if (!block || atlas_u16(block + 4) != group || atlas_u16(block + 6) != mask) continue;
        const char *spelled = atlas_string(d, atlas_u32(name));
        int byte, first = 1;
        for (at = creator; (byte = atlas_next(&at, folded, first)); first = 0)
            if ((unsigned char)*spelled++ != byte) break;
        if (!byte && !*spelled && !first) return block;
    }
    return 0;
}

/* The private element (group, element) of `creator`, which has no padding; 0: unknown. */
static inline int atlas_private(const atlas_dictionary *d, const char *creator, unsigned group,
                                unsigned element, atlas_entry *e) {
    atlas_bytes block = 0;
    for (int way = 0; way < 4 && !block && group <= 0xFFFF; way++)
        block = atlas_block(d, creator, way < 2 ? group : group & 0xFF00, way < 2 ? 0xFFFF : 0xFF00,
                            way & 1);
    uint32_t offset = element & 0xFF, number = block ? atlas_u32(block + 8) : 0;
    if (!block || !(block[16 + offset / 8] >> offset % 8 & 1)) return 0;
    while (offset--) number += block[16 + offset / 8] >> offset % 8 & 1;
    return atlas_entry_at(d, number, e);
}
/* The standard element `tag`; 0: unknown. */
static inline int atlas_public(const atlas_dictionary *d, uint32_t tag, atlas_entry *e) {
    uint32_t hash = ~0u, slot, n = 0;
    if (tag >> 16 & 1) return 0;
    for (int bit = 0; bit < 32; bit += 8) hash = atlas_crc(hash, tag >> bit);
    for (uint32_t step = 0; (slot = atlas_slot(d, ATLAS_THSH, ~hash, step)); step++)
        if (atlas_entry_at(d, slot - 1, e) && e->tag == tag) return 1;
    for (atlas_bytes p = atlas_record(d, ATLAS_PATT, n); p; p = atlas_record(d, ATLAS_PATT, ++n))
        if ((tag & atlas_u32(p + 4)) == atlas_u32(p)) return atlas_entry_at(d, atlas_u32(p + 8), e);
    return 0;
}

#endif
