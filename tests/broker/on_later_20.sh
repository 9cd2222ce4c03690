#!/bin/sh
# The scenarios of Mosquitto 2.0 on a later one than Debian 12's: on_later_20.sh BROKER_SCENARIOS
# Exit 3: this machine's own is a later one (tools/get-mosquitto-2.0).
set -eu
prefix=$("$(dirname "$0")/../../tools/get-mosquitto-2.0")
SESSION_STATUS_BROKER_20=$prefix/sbin/mosquitto exec "$1" --gtest_filter='*On20*'
