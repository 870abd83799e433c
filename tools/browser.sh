#!/bin/sh
# A Chromium for the tests that look at pages in a browser: the machine's own if there is one, else one by npm into .cache/chromium.
# FETCH=1 brings that one even where the machine has its own. `make browser` calls it; nothing else needs it.
set -eu
cd "$(dirname "$0")/.."
PACKAGE=@sparticuz/chromium
VERSION=147.0.0
folder="$PWD/.cache/chromium"

for name in chromium chromium-browser google-chrome-stable google-chrome; do
    if [ -z "${FETCH:-}" ] && found=$(command -v "$name"); then
        echo "Chromium: $found"
        exit 0
    fi
done
if [ -x "$folder/chromium" ]; then
    echo "Chromium: $folder/chromium"
    exit 0
fi
if ! command -v npm >/dev/null || ! command -v node >/dev/null; then
    echo "There is no Chromium, and no npm to bring one. Install Chromium (on Debian: chromium), or Node.js with npm." >&2
    exit 1
fi
if [ "$(uname -sm)" != "Linux x86_64" ]; then
    echo "The Chromium that npm brings is for Linux on x86-64. Install Chromium, or name one in PILOTAGE_CHROMIUM." >&2
    exit 1
fi
rm -rf "$folder" && mkdir -p "$folder/lib"
(cd "$folder" && npm pack --silent "$PACKAGE@$VERSION" >/dev/null && tar -xzf ./*.tgz && rm ./*.tgz)
# The package is packed by Brotli, which tar does not know and Node does.
node -e '
const { brotliDecompressSync } = require("zlib"), fs = require("fs");
for (const [from, to] of [["chromium", "chrome"], ["al2023.tar", "lib.tar"], ["fonts.tar", "fonts.tar"], ["swiftshader.tar", "gl.tar"]])
  fs.writeFileSync(process.argv[1] + "/" + to, brotliDecompressSync(fs.readFileSync(process.argv[1] + "/package/bin/" + from + ".br")));
' "$folder"
for archive in lib fonts gl; do
    tar -xf "$folder/$archive.tar" -C "$folder"
    rm "$folder/$archive.tar"
done
rm -rf "$folder/package"
chmod +x "$folder/chrome"
echo "<fontconfig><dir>$folder/fonts</dir><cachedir>$folder/font-cache</cachedir></fontconfig>" >"$folder/own-fonts.conf"
cat >"$folder/chromium" <<'END'
#!/bin/sh
# This Chromium is made for one process, and brings the libraries and fonts that small machines lack.
here=$(cd "$(dirname "$0")" && pwd)
export LD_LIBRARY_PATH="$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
[ -d /etc/fonts ] || export FONTCONFIG_FILE="$here/own-fonts.conf"
exec "$here/chrome" --single-process --no-zygote "$@"
END
chmod +x "$folder/chromium"
echo "Chromium: $folder/chromium"
