// The page as text: what stands in it, and what must not. How it looks, Chromium sees in tests/app.
#include "page/report_page.h"

#include <gmock/gmock.h>
#include <regex>

#include "core/hash.h"
#include "page/html.h"
#include "page/live_script.h"
#include "page/page_style.h"

namespace isoflop {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

ReportData refused_data() {
  return {.title = "night",
          .source = "runs.db, study night",
          .command = "isoflop report",
          .version = "0.1.0",
          .now = 1795000000,
          .why_no_fit = "fit: 3 rows: too few [too_few_rows]",
          .why_no_plan = "A plan needs a law."};
}

Plan some_plan() {
  Plan plan{.flops = 5.76e23,
            .convention = "6nd",
            .law = "chinchilla",
            .params = {7.32e10, 6.01e10, 9.04e10},
            .tokens = {1.31e12, 1.06e12, 1.6e12},
            .loss = {1.967, 1.95, 1.984}};
  plan.near_optimal = {.extra_compute = 0.05, .params_low = 4.5e10, .params_high = 1.15e11};
  plan.extrapolation = 57;
  plan.warnings = {{"extrapolation", "far beyond the data"},
                   {"extrapolation", "far beyond the data"}};
  return plan;
}

DrawnFigure drawn_figure(const std::string& name) {
  Figure figure{.name = name,
                .title = "The " + name,
                .caption = "How it is drawn",
                .alt = "What it shows",
                .panels = {Panel{}}};
  return {figure, "<svg role=\"img\"></svg>", "panel,x\n\"a, \xC3\xA9\",1e+21\n"};
}

DrawnFigure empty_one(const std::string& name) {
  return {
      {.name = name, .title = "The " + name, .why_empty = "no curves: run <it>"}, "", "panel\n"};
}

std::string unescaped_percents(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    out += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
    i += 2;
  }
  return out;
}

TEST(Html, ForeignTextCannotBecomeMarkup) {
  EXPECT_EQ(escaped("<a href=\"x\">'&"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
  EXPECT_EQ(escaped("caf\xC3\xA9 \xE2\x80\x93 \xF0\x9F\x98\x80"),
            "caf\xC3\xA9 \xE2\x80\x93 \xF0\x9F\x98\x80");
}

TEST(Html, WhatIsNoUtf8IsReplacedByteByByte) {
  const std::string sign = "\xEF\xBF\xBD";
  EXPECT_EQ(escaped("a\xFFz"), "a" + sign + "z");
  EXPECT_EQ(escaped("\xC3"), sign);                        // cut short
  EXPECT_EQ(escaped("\xC0\xAF"), sign + sign);             // overlong
  EXPECT_EQ(escaped("\xED\xA0\x80"), sign + sign + sign);  // a surrogate
  EXPECT_EQ(escaped(std::string("a\0b\x1B", 4)), "a" + sign + "b" + sign);
}

TEST(Html, ATableNamesItsColumnsAndRowsForReadersWhoHearIt) {
  const std::string html = html_table({{"law", "loss"}, {{"a<b", "1.5"}}}, "Laws & losses", "laws");
  EXPECT_THAT(html, AllOf(HasSubstr("<caption id=\"laws\">Laws &amp; losses</caption>"),
                          HasSubstr("<th scope=\"col\">law</th>"),
                          HasSubstr("<th scope=\"row\">a&lt;b</th>"),
                          HasSubstr("<td class=\"n\">1.5</td>"), HasSubstr("tabindex=\"0\"")));
}

TEST(ReportPage, TheFirstThingIsTheAnswerInASentence) {
  ReportData data = refused_data();
  data.plan = some_plan();
  const std::string html = report_html(data, {drawn_figure("answer"), drawn_figure("isoflop")});
  EXPECT_THAT(html,
              HasSubstr("With 5.76e23 FLOP, train a model of 73.2B parameters (60.1B to 90.4B) "
                        "on 1.31T tokens (1.06T to 1.60T)"));
  EXPECT_THAT(html, HasSubstr("57x the compute of the largest run"));
  EXPECT_THAT(html, HasSubstr("Any size from 45.0B to 115B wastes at most 5 % of the compute"));
  // The sentence, then the picture, then what makes it less sure, then everything else.
  const std::size_t lede = html.find("class=\"lede\"");
  const std::size_t picture = html.find("id=\"answer-figure\"");
  const std::size_t alerts = html.find("far beyond the data");
  const std::size_t contents = html.find("<nav");
  EXPECT_LT(lede, picture);
  EXPECT_LT(picture, alerts);
  EXPECT_LT(alerts, contents);
  EXPECT_LT(contents, html.find("<section id=\"isoflop\""));
  // A plan repeats its fit's warnings; the page does not.
  EXPECT_EQ(html.find("far beyond the data", alerts + 1), std::string::npos);
}

TEST(ReportPage, AWarningThatNamesAnotherAnswerComesFirst) {
  ReportData data = refused_data();
  data.plan = some_plan();
  data.plan->warnings = {{.code = "asymptote_unsure", .message = "E is vague"},
                         {.code = "influential_rows", .message = "five rows decide"}};
  const std::string html = report_html(data, {});
  EXPECT_LT(html.find("five rows decide"), html.find("E is vague"));
}

TEST(ReportPage, AFilesPageHasNoScriptAndAsksNothingOfTheNetwork) {
  ReportData data = refused_data();
  data.title = "<script>alert(1)</script>";
  data.source = "\"><img src=x onerror=alert(1)>";
  const std::string html = report_html(data, {drawn_figure("answer"), empty_one("curves")});
  for (const char* never : {"<script", "<img", "@import", "url(", "http://", "<iframe"}) {
    EXPECT_THAT(html, Not(HasSubstr(never))) << never;
  }
  EXPECT_THAT(html, HasSubstr("default-src 'none'"));
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert(1)"));
}

TEST(ReportPage, WithoutALawTheRefusalStandsWhereTheAnswerWould) {
  const std::string html = report_html(refused_data(), {empty_one("answer"), empty_one("isoflop")});
  EXPECT_THAT(html, HasSubstr("too few [too_few_rows]"));
  EXPECT_THAT(html, HasSubstr("no curves: run &lt;it&gt;"));
  EXPECT_THAT(html, Not(HasSubstr("<figure")));
  EXPECT_THAT(html, HasSubstr("not reported"));
}

TEST(ReportPage, UnderEachFigureLieItsDataAsTextAndToSave) {
  const DrawnFigure drawn = drawn_figure("isoflop");
  const std::string html = report_html(refused_data(), {drawn});
  EXPECT_THAT(html, HasSubstr(escaped(drawn.csv)));
  EXPECT_THAT(html, HasSubstr("download=\"isoflop.csv\""));
  std::smatch match;
  ASSERT_TRUE(std::regex_search(html, match, std::regex("data:text/csv;charset=utf-8,([^\"]*)\"")));
  EXPECT_EQ(unescaped_percents(match[1]), drawn.csv);
}

TEST(ReportPage, HeadingsGoDownByOneAtMostAndEveryNameIsThere) {
  ReportData data = refused_data();
  data.plan = some_plan();
  const std::string html = report_html(data, {drawn_figure("answer"), drawn_figure("isoflop")});
  int level = 0, ones = 0;
  const std::regex heading("<h([1-6])");
  for (std::sregex_iterator at(html.begin(), html.end(), heading), end; at != end; ++at) {
    const int now = std::stoi((*at)[1]);
    EXPECT_LE(now, level + 1);
    ones += now == 1 ? 1 : 0;
    level = now;
  }
  EXPECT_EQ(ones, 1);
  const std::regex link("href=\"#([a-z_-]+)\"");
  for (std::sregex_iterator at(html.begin(), html.end(), link), end; at != end; ++at) {
    EXPECT_THAT(html, HasSubstr("id=\"" + (*at)[1].str() + "\"")) << (*at)[1];
  }
  EXPECT_THAT(html, HasSubstr("<html lang=\"en\""));
}

TEST(ReportPage, TheSameDataGiveTheSameBytes) {
  ReportData data = refused_data();
  data.plan = some_plan();
  EXPECT_EQ(report_html(data, {drawn_figure("answer")}),
            report_html(data, {drawn_figure("answer")}));
}

TEST(ReportPage, ALivePageHasTheScriptThatThePolicyNamesAndNoOther) {
  const std::string html = report_html(refused_data(), {empty_one("answer")}, {.live = true});
  EXPECT_THAT(html, HasSubstr("<script>" + std::string(live_script()) + "</script>"));
  EXPECT_EQ(html.find("<script"), html.rfind("<script"));
  EXPECT_THAT(html, HasSubstr("data-version=\"1.795e+09\""));
  // The hash is base64 (RFC 4648) of the digest.
  const std::string base64 = live_script_hash().substr(7);
  ASSERT_EQ(base64.size(), 44u);
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bits;
  for (const char c : base64.substr(0, 43)) {
    for (int b = 5; b >= 0; --b) bits += (digits.find(c) >> b) & 1 ? '1' : '0';
  }
  std::string hex;
  for (std::size_t i = 0; i < 256; i += 4) {
    hex += "0123456789abcdef"[std::stoi(bits.substr(i, 4), nullptr, 2)];
  }
  EXPECT_EQ(hex, sha256(live_script()));
}

TEST(ReportPage, TheStyleNamesNothingFromElsewhere) {
  EXPECT_THAT(page_style(),
              AllOf(Not(HasSubstr("url(")), Not(HasSubstr("@import")),
                    HasSubstr("prefers-color-scheme:dark"), HasSubstr("@media print")));
}

}  // namespace
}  // namespace isoflop
