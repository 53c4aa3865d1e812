"""Checks a software bill of materials against CycloneDX's schema: python check_bom.py FILE."""

import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(Path(sys.argv[1]).read_text())
if error:
    sys.exit(f"{sys.argv[1]}: {error.data}")
