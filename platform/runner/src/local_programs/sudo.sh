#!/bin/sh
# Stands for sudo in a sandbox: commands are root's already.
refuse() {
  echo "sudo: $1" >&2
  exit 1
}
as() {
  case $1 in
    root | '#0') ;;
    *) refuse "the sandbox runs commands as root only, not as $1" ;;
  esac
}
while [ $# -gt 0 ]; do
  case $1 in
    --) shift; break ;;
    -u | --user | -g | --group) as "${2-}"; shift ;;
    --user=* | --group=*) as "${1#*=}" ;;
    --preserve-env | --preserve-env=* | --set-home | --non-interactive | --stdin | --login) ;;
    -*[!EHnSkPi-]*) refuse "the option $1 is not known here" ;;
    -*) ;;
    *) break ;;
  esac
  shift
done
[ $# -gt 0 ] || refuse "a command is missing"
exec env "$@"
