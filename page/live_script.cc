#include "page/live_script.h"

#include "core/hash.h"

namespace isoflop {
namespace {

constexpr std::string_view kScript = R"js(
'use strict';
let version = document.documentElement.dataset.version;
async function text(path) {
  const answer = await fetch(path, {cache: 'no-store'});
  if (!answer.ok) throw new Error(answer.status);
  return answer.text();
}
function replace(html) {
  const page = new DOMParser().parseFromString(html, 'text/html');
  const open = new Set([...document.querySelectorAll('details[open]')].map(d => d.id));
  const focused = document.activeElement && document.activeElement.id;
  const x = scrollX, y = scrollY;
  for (const tag of ['header', 'main', 'footer']) {
    document.querySelector('body > ' + tag).replaceWith(page.querySelector('body > ' + tag));
  }
  for (const d of document.querySelectorAll('details')) d.open = open.has(d.id);
  if (focused && document.getElementById(focused)) {
    document.getElementById(focused).focus({preventScroll: true});
  }
  document.title = page.title;
  version = page.documentElement.dataset.version;
  scrollTo(x, y);
}
async function look() {
  let state = 'live';
  try {
    if (await text('/version') !== version) replace(await text('/'));
  } catch (error) {
    state = 'not connected: the page is as of its date';
  }
  document.getElementById('live-state').textContent = state;
  setTimeout(look, 2000);
}
setTimeout(look, 2000);
)js";

int nibble(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

}  // namespace

std::string_view live_script() { return kScript; }

std::string live_script_hash() {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::string hex = sha256(kScript);
  // 32 bytes: 10 triples and 2 bytes, so 43 digits and one filler.
  std::string out = "sha256-";
  for (std::size_t bit = 0; bit < 256; bit += 6) {
    unsigned digit = 0;
    for (std::size_t b = bit; b < bit + 6; ++b) {
      const unsigned value =
          b < 256 ? (static_cast<unsigned>(nibble(hex[b / 4])) >> (3 - b % 4)) & 1 : 0;
      digit = 2 * digit + value;
    }
    out += kDigits[digit];
  }
  return out + '=';
}

}  // namespace isoflop
