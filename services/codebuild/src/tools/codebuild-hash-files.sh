#!/bin/sh
# codebuild-hash-files 'glob'...: prints the SHA-256 of the contents of the source's files that match one of the globs.
if [ $# -eq 0 ]; then
  echo "usage: codebuild-hash-files 'glob'..." >&2
  exit 2
fi
cd "${CODEBUILD_SRC_DIR:-.}" || exit 1
files=$(codebuild-glob-search "$@") || exit 1
if [ -z "$files" ]; then
  echo "codebuild-hash-files: no file matches $*" >&2
  exit 1
fi
printf '%s\n' "$files" | while IFS= read -r file; do sha256sum <"$file" || exit 1; done | sha256sum | cut -d ' ' -f 1
