#include "page/page_style.h"

#include "figure/palette.h"

namespace isoflop {
namespace {

// Beyond the palette's: cards, links, warnings. All text on them keeps 4.5:1 (WCAG 2.2, 1.4.3),
// which tests/app/look_at_page.py measures.
constexpr const char* kOwnColours =
    ":root{--card:#f5f5f2;--link:#0b56a0;--alert:#fff3d1;--alert-ink:#5a3a00;--alert-line:#b97a00}"
    "\n"
    "@media (prefers-color-scheme:dark){:root{--card:#1d2026;--link:#7db9f0;--alert:#332a12;"
    "--alert-ink:#f3d58c;--alert-line:#b98a2a}}\n"
    "@media print{:root{color-scheme:light;--card:#fff;--link:#1b1b1b;--alert:#fff;"
    "--alert-ink:#1b1b1b;--alert-line:#1b1b1b}}\n";

constexpr const char* kRules = R"css(
*{box-sizing:border-box}
html{scroll-padding-top:1rem;-webkit-text-size-adjust:100%}
body{margin:0 auto;padding:0 1.25rem 3rem;max-width:58rem;background:var(--paper);color:var(--ink);
 font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif;
 overflow-wrap:break-word}
h1{font-size:1.15rem;line-height:1.3;margin:0;font-weight:600}
h2{font-size:1.3rem;line-height:1.3;margin:3rem 0 .5rem;padding-top:1rem;border-top:1px solid var(--grid)}
h3{font-size:1.05rem;margin:1.75rem 0 .25rem}
p{margin:.5rem 0}
a{color:var(--link)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
header{padding:1.25rem 0 .25rem}
.meta,figcaption,footer{color:var(--faint);font-size:.875rem}
.meta{margin:.15rem 0}
.skip{position:absolute;left:-100vw;background:var(--paper);padding:.5rem 1rem;z-index:1}
.skip:focus{left:1rem;top:.5rem}
.lede{font-size:1.25rem;line-height:1.45;margin:.75rem 0 1rem;text-wrap:pretty}
#answer h2{border:0;margin:0;padding:0;font-size:.875rem;font-weight:600;color:var(--faint)}
.numbers{display:grid;grid-template-columns:repeat(auto-fit,minmax(10.5rem,1fr));gap:.75rem;margin:1rem 0}
.numbers div{background:var(--card);border-radius:.5rem;padding:.6rem .8rem}
.numbers dt{font-size:.8125rem;color:var(--faint)}
.numbers dd{margin:0}
.numbers strong{font-size:1.2rem;white-space:nowrap;font-weight:650;display:block;line-height:1.25;
 font-variant-numeric:tabular-nums}
.numbers span{font-size:.8125rem;font-variant-numeric:tabular-nums}
.alerts{list-style:none;margin:1rem 0;padding:0}
.alerts li{background:var(--alert);color:var(--alert-ink);border-left:4px solid var(--alert-line);
 padding:.5rem .8rem;margin:.4rem 0;border-radius:0 .4rem .4rem 0}
code,pre{font-family:ui-monospace,"Cascadia Mono",Menlo,"DejaVu Sans Mono","Liberation Mono",monospace;
 font-size:.8125rem}
.alerts code{color:inherit;opacity:1}
nav ol{columns:16rem;column-gap:3rem;padding-left:1.4rem;margin:.5rem 0}
nav li{break-inside:avoid;margin:.15rem 0}
.says{max-width:50rem}
figure{margin:1rem 0}
figure .scroll{margin:0}
figure svg{display:block;width:100%;height:auto;max-width:none}
figcaption{margin-top:.4rem;max-width:50rem}
.empty{background:var(--card);border-radius:.5rem;padding:.8rem 1rem}
.scroll{overflow-x:auto;margin:.75rem 0;max-width:100%}
table{border-collapse:collapse;font-size:.875rem;line-height:1.4;min-width:60%}
caption{text-align:left;color:var(--faint);padding:.25rem 0}
th,td{text-align:left;vertical-align:top;padding:.3rem .75rem .3rem 0;border-bottom:1px solid var(--grid)}
thead th{font-weight:600;border-bottom:1px solid var(--faint);vertical-align:bottom}
tbody th{font-weight:400}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
#checklist th[scope=rowgroup]{font-weight:600;padding-top:1.1rem}
#checklist td,#checklist tbody th[scope=row]{width:50%}
.none{color:var(--alert-ink);background:var(--alert);padding:.05rem .4rem;border-radius:.25rem}
dl.facts{display:grid;grid-template-columns:minmax(8rem,max-content) 1fr;gap:.25rem 1rem;margin:.75rem 0}
dl.facts dt{color:var(--faint)}
dl.facts dd{margin:0;min-width:0;overflow-wrap:anywhere}
details{margin:.6rem 0}
summary{cursor:pointer;color:var(--link);font-size:.875rem}
pre{background:var(--card);border-radius:.5rem;padding:.75rem;overflow:auto;max-height:24rem;margin:.5rem 0}
footer{margin-top:3rem;border-top:1px solid var(--grid);padding-top:.75rem}
@media (max-width:40rem){
 body{padding:0 1rem 2rem}
 .lede{font-size:1.125rem}
 figure svg{width:auto;min-width:34rem}
 dl.facts{grid-template-columns:1fr;gap:0}
 dl.facts dd{margin-bottom:.5rem}
}
@media print{
 @page{margin:18mm 15mm}
 body{max-width:none;padding:0;font-size:10pt}
 nav,.skip,details,#live-state{display:none}
 h2,h3,caption,thead{break-after:avoid}
 figure,tr,.numbers,.alerts li{break-inside:avoid}
 .scroll,pre{overflow:visible;max-height:none}
 figure svg{max-height:120mm;min-width:0;width:100%}
 a{color:inherit;text-decoration:none}
}
)css";

}  // namespace

std::string page_style() { return palette_css() + kOwnColours + kRules; }

}  // namespace isoflop
