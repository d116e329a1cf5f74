#!/bin/sh
# What CodeBuild's images call so. Debian has it under its other name only.
exec /usr/bin/python3 "$@"
