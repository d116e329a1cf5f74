"""`python3 -m hello_web SOURCE TARGET REVISION` builds the site and says what it wrote."""

import sys

from . import site

if len(sys.argv) != 4:
    sys.exit(__doc__)
for name in site.build(*sys.argv[1:]):
    print("wrote", name)
