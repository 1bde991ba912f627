#!/bin/sh
# Runs every test and ends with one line that counts them. RACE is -race or
# empty. Parts whose program is missing (a browser, a real rsyslog) are counted
# as skipped and named.
set -u
cd "$(dirname "$0")/.."
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT
passed=0 failed=0 skipped=0 broken=

count() { grep -cE "$1" "$2" || true; }

echo "== Go: vet and tests ${RACE:-without the race detector: no C compiler}"
if ! go vet ./... ; then broken="$broken vet"; fi
go test ${RACE:-} -timeout 20m -v ./... >"$log/go" 2>&1 || broken="$broken go"
passed=$((passed + $(count '^ *--- PASS' "$log/go")))
failed=$((failed + $(count '^ *--- FAIL' "$log/go")))
skipped=$((skipped + $(count '^ *--- SKIP' "$log/go")))
case $broken in *go*)
  # What failed, with the lines around it; the whole log would bury it.
  grep -E -A 30 '^ *--- FAIL|^panic:|WARNING: DATA RACE|^FAIL|build failed' "$log/go" | grep -vE '^ *(=== |--- PASS)' | head -n 200 ;;
esac
grep -E -A 1 '^ *--- SKIP' "$log/go" | grep -vE '^--$' | head -n 40
grep -E '^(ok|FAIL)' "$log/go" | awk '{print $1, $2, $3}'

echo "== The page: types, style, unit tests"
(cd web && npm run --silent check) >"$log/web" 2>&1 || { broken="$broken page"; tail -n 80 "$log/web"; }
n=$(sed -E 's/\x1b\[[0-9;]*m//g' "$log/web" | sed -nE 's/^ *Tests .* ([0-9]+) passed.*/\1/p' | tail -n 1)
passed=$((passed + ${n:-0}))
n=$(sed -E 's/\x1b\[[0-9;]*m//g' "$log/web" | sed -nE 's/^ *Tests +([0-9]+) failed.*/\1/p' | tail -n 1)
failed=$((failed + ${n:-0}))
sed -E 's/\x1b\[[0-9;]*m//g' "$log/web" | grep -E '^ *(Test Files|Tests) ' || true

echo "== The page in a real browser"
if [ -n "${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}" ]; then
  (cd web && npm run --silent e2e) >"$log/e2e" 2>&1 || { broken="$broken browser"; tail -n 120 "$log/e2e"; }
  n=$(sed -nE 's/^ *([0-9]+) passed.*/\1/p' "$log/e2e" | tail -n 1); passed=$((passed + ${n:-0}))
  n=$(sed -nE 's/^ *([0-9]+) failed.*/\1/p' "$log/e2e" | tail -n 1); failed=$((failed + ${n:-0}))
  grep -E '^ *[0-9]+ (passed|failed|skipped|flaky)' "$log/e2e" || true
else
  echo "skipped: no Chromium found; install it or set CHROMIUM to its path"
  skipped=$((skipped + 1))
fi

for part in $broken; do echo "failed: $part"; done
if [ -n "$broken" ] && [ "$failed" -eq 0 ]; then failed=1; fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ -z "$broken" ]
