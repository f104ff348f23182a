#!/bin/sh
# Triage of the dumps that a build left behind: a report for people, files for
# the build server, and the exit status of the gate. Read by ci/github and
# ci/gitlab; by hand:
#
#   DUMPS=crashes FAIL_ON='severity>=high' OUT=heapdump-report sh ci/triage.sh
#
# HEAPDUMP   the program (default: heapdump)
# DUMPS      a folder, file or pattern (default: .)
# FAIL_ON    conditions of --fail-on (default: severity>=high)
# BASELINE   a baseline file; none when empty or when there is no such file yet
# SYMBOLS    a folder with PDBs, beside those that stand beside the dumps
# TIMEOUT    most time for one dump (default: 10m)
# OUT        the folder of the reports (default: heapdump-report)
set -eu

program=${HEAPDUMP:-heapdump}
if ! command -v "$program" >/dev/null 2>&1; then
	echo "heapdump: no program $program: put heapdump into the PATH, or its file into HEAPDUMP" >&2
	exit 2
fi
out=${OUT:-heapdump-report}
mkdir -p "$out"
set -- triage --format markdown -o "$out/report.md" --also "json=$out/report.json" \
	--also "html=$out/report.html" --also "sarif=$out/report.sarif" --also "junit=$out/report.xml" \
	--summary auto --timeout "${TIMEOUT:-10m}" --fail-on "${FAIL_ON:-severity>=high}"
if [ -n "${SYMBOLS:-}" ]; then
	set -- "$@" --symbols "$SYMBOLS"
fi
if [ -n "${BASELINE:-}" ]; then
	if [ -f "$BASELINE" ]; then
		set -- "$@" --baseline "$BASELINE"
	else
		echo "heapdump: there is no baseline $BASELINE: nothing is taken as known" >&2
	fi
fi
status=0
"$program" "$@" -- "${DUMPS:-.}" || status=$?
echo "heapdump: reports are in $out, exit status $status" >&2
exit "$status"
