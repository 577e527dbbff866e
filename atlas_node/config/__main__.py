"""``python -m atlas_node.config FILE``: write the table of settings into a document."""

import sys
from pathlib import Path

from atlas_node.config.reference import write_table

if __name__ == "__main__":
    for name in sys.argv[1:]:
        write_table(Path(name))
