#!/bin/sh
# codebuild-tests-run: runs a test command on those of the test files that fall to this build of a fan-out.
usage() {
  echo "codebuild-tests-run: $1" >&2
  echo "usage: codebuild-tests-run --test-command COMMAND --files-search COMMAND" \
    "[--sharding-strategy equal-distribution|stability]" >&2
  exit 2
}
strategy=equal-distribution
while [ $# -gt 0 ]; do
  case $1 in
    --*=*) option=${1%%=*} value=${1#*=}; shift ;;
    --*) [ $# -gt 1 ] || usage "$1 needs a value"; option=$1 value=$2; shift 2 ;;
    *) usage "unknown argument $1" ;;
  esac
  case $option in
    --test-command) test_command=$value ;;
    --files-search) files_search=$value ;;
    --sharding-strategy) strategy=$value ;;
    *) usage "unknown option $option" ;;
  esac
done
[ -n "$test_command" ] || usage "--test-command is missing"
[ -n "$files_search" ] || usage "--files-search is missing"
case $strategy in
  equal-distribution | stability) ;;
  *) usage "unknown sharding strategy $strategy" ;;
esac
found=$(eval "$files_search") || { echo "codebuild-tests-run: the search for files failed" >&2; exit 1; }
CODEBUILD_CURRENT_SHARD_FILES=$(printf '%s\n' "$found" | sed '/^$/d' | LC_ALL=C sort -u | LC_ALL=C awk \
  -v index_="${CODEBUILD_SHARD_INDEX:-0}" -v count="${CODEBUILD_SHARD_COUNT:-1}" -v strategy="$strategy" '
# A number that a text and a seed always give, below a prime whose square a double holds.
function score(text, seed,    i, h) {
  h = (seed * 7368787 + 12345) % 67108859
  for (i = 1; i <= length(text); i++) h = (h * 31 + code[substr(text, i, 1)]) % 67108859
  for (i = 0; i < 3; i++) h = (h * h + (seed + 1) * 15485863 + 1) % 67108859
  return h
}
# The shard that gives a file its highest score keeps it, whatever other files come and go.
function shard(file,    i, best, highest, s) {
  highest = -1
  for (i = 0; i < count; i++) { s = score(file, i); if (s > highest) { highest = s; best = i } }
  return best
}
BEGIN { for (i = 1; i < 256; i++) code[sprintf("%c", i)] = i }
{ files[NR] = $0 }
END {
  if (strategy == "stability") {
    for (i = 1; i <= NR; i++) if (shard(files[i]) == index_ + 0) print files[i]
    exit
  }
  size = int(NR / count); rest = NR % count
  first = index_ * size + (index_ < rest ? index_ : rest)
  for (i = 1; i <= size + (index_ < rest ? 1 : 0); i++) print files[first + i]
}')
export CODEBUILD_CURRENT_SHARD_FILES
if [ -z "$CODEBUILD_CURRENT_SHARD_FILES" ]; then
  echo "codebuild-tests-run: no test files fall to this build"
  exit 0
fi
case $test_command in
  *CODEBUILD_CURRENT_SHARD_FILES*) eval "$test_command" ;;
  *)
    quoted=$(printf '%s\n' "$CODEBUILD_CURRENT_SHARD_FILES" | sed "s/'/'\\\\''/g; s/^/'/; s/\$/'/" | tr '\n' ' ')
    eval "$test_command $quoted"
    ;;
esac
