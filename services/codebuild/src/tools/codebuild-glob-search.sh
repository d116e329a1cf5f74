#!/bin/sh
# codebuild-glob-search 'glob'...: prints the files below the working directory that match one of the globs, a line
# each, in order. `*` stays within a folder, `**` does not.
if [ $# -eq 0 ]; then
  echo "usage: codebuild-glob-search 'glob'..." >&2
  exit 2
fi
find . -type f | sed 's#^\./##' | LC_ALL=C sort | LC_ALL=C awk '
function expression(glob,    i, c, out, depth, end, class) {
  sub(/^\.\//, "", glob)
  out = "^"
  for (i = 1; i <= length(glob); i++) {
    c = substr(glob, i, 1)
    if (substr(glob, i, 3) == "**/") { out = out "(.*/)?"; i += 2 }
    else if (substr(glob, i, 2) == "**") { out = out ".*"; i++ }
    else if (c == "*") out = out "[^/]*"
    else if (c == "?") out = out "[^/]"
    else if (c == "{") { out = out "("; depth++ }
    else if (c == "}" && depth) { out = out ")"; depth-- }
    else if (c == "," && depth) out = out "|"
    else if (c == "[" && (end = index(substr(glob, i + 2), "]"))) {
      class = substr(glob, i + 1, end)
      if (substr(class, 1, 1) == "!") class = "^" substr(class, 2)
      out = out "[" class "]"
      i += end + 1
    }
    else if (index("\\.+()|^$[]{}", c)) out = out "\\" c
    else out = out c
  }
  return out "$"
}
BEGIN {
  for (i = 1; i < ARGC; i++) { patterns[i] = expression(ARGV[i]); ARGV[i] = "" }
  count = ARGC
}
{ for (i = 1; i < count; i++) if ($0 ~ patterns[i]) { print; next } }
' "$@"
