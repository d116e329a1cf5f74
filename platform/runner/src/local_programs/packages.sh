#!/bin/sh
# Stands for apt-get, apt, dnf and yum in a sandbox, which has the programs of its machine and can have no others of the
# system's: what is to be installed is there already, or the build fails and says why.
me=${0##*/}
refuse() {
  echo "$me: $1" >&2
  exit 100
}
is_there() {
  case $1 in
    *=*) [ "$(dpkg-query -W -f='${Version}' "${1%%=*}" 2>/dev/null)" = "${1#*=}" ] ;;
    *)
      [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ] ||
        rpm -q "$1" >/dev/null 2>&1 || command -v "$1" >/dev/null 2>&1
      ;;
  esac
}
command=
while [ $# -gt 0 ]; do
  case $1 in
    -o | -c | -t | --option | --config-file | --target-release) shift ;;
    -*) ;;
    *)
      if [ -n "$command" ]; then
        is_there "$1" || refuse "$1 is not installed on this machine, and a sandbox cannot install it: the operator can, \
or can have builds run in containers"
        echo "$1 is there already"
      else
        command=$1
        case $command in
          install) ;;
          update | upgrade | dist-upgrade | full-upgrade | check-update | makecache | clean | autoclean | autoremove)
            echo "$me: a sandbox has the programs of its machine: nothing to $command"
            exit 0
            ;;
          *) refuse "a sandbox has the programs of its machine, and cannot $command" ;;
        esac
      fi
      ;;
  esac
  [ $# -eq 0 ] || shift
done
[ -n "$command" ] || refuse "a command is missing"
