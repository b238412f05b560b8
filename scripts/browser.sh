#!/usr/bin/env bash
# Makes sure that there is a Chromium or Chrome: the system's first, then Debian's package, then puppeteer's own download.
set -euo pipefail

[ -n "${CHROME_BIN:-}" ] && exit 0
if [ -f .env ] && grep -qE '^CHROME_BIN=.+' .env; then exit 0; fi
for name in chromium chromium-browser google-chrome google-chrome-stable chrome; do
  command -v "$name" > /dev/null && exit 0
done
for app in '/Applications/Google Chrome.app' '/Applications/Chromium.app'; do [ -d "$app" ] && exit 0; done
if command -v apt-get > /dev/null && "$(dirname "$0")/system-packages.sh" chromium:chromium; then
  exit 0
fi
echo "• downloading a browser for the connector"
cd "$(dirname "$0")/../connector-node"
env -u PUPPETEER_SKIP_DOWNLOAD npx --no-install puppeteer browsers install chrome
