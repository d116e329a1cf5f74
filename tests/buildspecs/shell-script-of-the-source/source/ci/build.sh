#!/bin/bash
set -euo pipefail
echo "building $1"
echo "$1" > out.txt
