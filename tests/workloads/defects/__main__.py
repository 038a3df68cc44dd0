from __future__ import annotations

import argparse

from . import DEFECTS

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("defect", choices=DEFECTS)
    parser.add_argument("--healthy", action="store_true")
    arguments = parser.parse_args()
    DEFECTS[arguments.defect](arguments.healthy)
