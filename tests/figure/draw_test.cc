#include "figure/draw.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>
#include <regex>
#include <sstream>
#include <unistd.h>

#include "core/error.h"
#include "figure/gnuplot.h"
#include "tests/figure/draw_support.h"

namespace isoflop {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

class Draw : public ::testing::Test {
 protected:
  void SetUp() override {
    if (gnuplot_version().empty()) GTEST_SKIP() << "gnuplot is not installed";
  }
};

class DrawFile : public Draw {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("isoflop_draw_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    Draw::SetUp();
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string file(const std::string& name) const { return (folder_ / name).string(); }
  static std::string content(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }

 private:
  fs::path folder_;
};

TEST_F(Draw, APageGetsAnImageThatSaysWhatItShows) {
  const std::string svg = inline_svg(profiles());
  EXPECT_EQ(xml_fault(svg), "");
  EXPECT_THAT(svg, HasSubstr("role=\"img\""));
  EXPECT_THAT(svg, HasSubstr("aria-label=\"IsoFLOP profiles\""));
  EXPECT_THAT(svg, HasSubstr("aria-describedby=\"fig-isoflop-alt\""));
  EXPECT_THAT(svg,
              HasSubstr("<desc id=\"fig-isoflop-alt\">Loss over parameters: nine valleys.</desc>"));
  EXPECT_THAT(svg, HasSubstr("viewBox=\"0 0 720 "));
  EXPECT_THAT(svg, HasSubstr(">parameters N</text>"));
  EXPECT_THAT(svg, HasSubstr(">held-out loss (nats per token)</text>"));
  EXPECT_THAT(svg, HasSubstr(">100M</text>"));
}

TEST_F(Draw, APageGetsNothingButDrawing) {
  const std::string svg = inline_svg(every_mark());
  EXPECT_EQ(count_of(svg, "http"), 1);  // the namespace
  EXPECT_THAT(svg, Not(HasSubstr("<script")));
  EXPECT_THAT(svg, Not(HasSubstr("onmouse")));
  EXPECT_THAT(svg, Not(HasSubstr("<?xml")));
  EXPECT_THAT(svg, Not(HasSubstr("href")));
}

// The numbers that stood for colours are all gone, and every colour follows the page.
TEST_F(Draw, ColoursAreThePages) {
  const std::string svg = inline_svg(every_mark());
  EXPECT_THAT(svg, Not(HasSubstr("rgb(")));
  EXPECT_THAT(svg, HasSubstr("var(--c0,#0072b2)"));
  EXPECT_THAT(svg, HasSubstr("var(--ink,#1b1b1b)"));
  const std::regex bare("(fill|stroke)=\"#[0-9a-f]+\"");
  EXPECT_FALSE(std::regex_search(svg, bare));
  EXPECT_THAT(inline_svg(profiles()), HasSubstr("var(--s9,"));
}

TEST_F(Draw, EachPointHasItsTitle) {
  const Figure figure = every_mark();
  const std::string svg = inline_svg(figure);
  for (const Series& series : figure.panels[0].series) {
    for (const std::string& hover : series.hover) {
      EXPECT_EQ(count_of(svg, "<title>" + hover + "</title>"), 2) << hover;  // two panels
    }
    if (series.hover.empty() && !series.name.empty()) {
      EXPECT_GE(count_of(svg, "<title>" + series.name + "</title>"), 2) << series.name;
    }
  }
}

// Titles stay with their points when others have no place in the panel.
TEST_F(Draw, ATitleIsThatOfItsPoint) {
  Figure figure{.name = "f", .panels = {{.x = {.scale = AxisScale::kLog}}}};
  figure.panels[0].series = {{.mark = Mark::kPoints,
                              .colour = 0,
                              .x = {1, -1, 10, 0, 100},
                              .y = {3, 3, std::nan(""), 1, 2},
                              .hover = {"first", "negative", "gap", "zero", "last"}}};
  const std::string svg = inline_svg(figure);
  const std::regex circle(
      "<circle cx=\"([0-9.]+)\" cy=\"([0-9.]+)\" r=\"[0-9.]+\"><title>(\\w+)</title>");
  std::vector<std::string> titles;
  std::vector<double> across;
  for (std::sregex_iterator it(svg.begin(), svg.end(), circle), end; it != end; ++it) {
    across.push_back(std::stod((*it)[1]));
    titles.push_back((*it)[3]);
  }
  ASSERT_THAT(titles, ::testing::ElementsAre("first", "last"));
  EXPECT_LT(across[0], across[1]);
}

TEST_F(Draw, WordsOfUsersAreOnlyWords) {
  const fs::path trap = fs::temp_directory_path() / ("isoflop_trap_" + std::to_string(::getpid()));
  const std::string touch = "touch " + trap.string();
  const std::string words = "`" + touch + "` system('" + touch + "') \"; system(\"" + touch +
                            "\") $(" + touch + ") ^_{x} @& ~ \\ <b>&amp;\nEND\nEOD\n%s\x01\xff é";
  Figure figure{.name = words, .title = words, .alt = words};
  Panel panel{.title = words, .x = {.title = words, .unit = words}, .y = {.title = words}};
  panel.x.names = {words, words};
  panel.series = {
      {.name = words, .mark = Mark::kPoints, .x = {1, 2}, .y = {1, 2}, .hover = {words, words}},
      {.name = words, .mark = Mark::kBars, .colour = 1, .x = {1, 2}, .y = {1, 2}, .hover = {words}},
      {.mark = Mark::kText, .x = {1}, .y = {1}, .labels = {words}}};
  figure.panels = {panel, panel};
  const std::string svg = inline_svg(figure);
  EXPECT_EQ(xml_fault(svg), "");
  EXPECT_FALSE(fs::exists(trap));
  EXPECT_THAT(svg, HasSubstr("^_{x} @&amp; ~ \\ &lt;b&gt;&amp;amp; END EOD %s ? é</title>"));
  EXPECT_THAT(svg, Not(HasSubstr("<b>")));
}

// Values that have no place leave gaps; nothing of this fails.
TEST_F(Draw, WhatCannotBeDrawnIsLeftOut) {
  const double nan = std::nan("");
  const std::vector<std::vector<double>> values{{},
                                                {3},
                                                {2, 2, 2},
                                                {0, 0},
                                                {-1, 0},
                                                {nan, nan},
                                                {1, nan, 3},
                                                {INFINITY, 1, -INFINITY},
                                                {1e-200, 1e200},
                                                {1e300, 1e308},
                                                {1 + 1e-14, 1}};
  for (const AxisScale scale : {AxisScale::kLinear, AxisScale::kLog}) {
    Figure figure{.name = "f", .columns = 3};
    for (const std::vector<double>& some : values) {
      Panel panel{.x = {.title = "x", .scale = scale}, .y = {.title = "y", .scale = scale}};
      for (int mark = 0; mark <= static_cast<int>(Mark::kHorizontal); ++mark) {
        panel.series.push_back({.name = "s",
                                .mark = static_cast<Mark>(mark),
                                .x = some,
                                .y = some,
                                .low = some,
                                .high = some,
                                .labels = {"a", "b"},
                                .hover = {"h"}});
      }
      figure.panels.push_back(panel);
    }
    const std::string svg = inline_svg(figure);
    EXPECT_EQ(xml_fault(svg), "");
    EXPECT_THAT(svg, Not(HasSubstr("nan")));
    EXPECT_THAT(svg, Not(HasSubstr("inf")));
  }
}

TEST_F(Draw, SeriesOfUnequalLengthsEndWithTheShortest) {
  Figure figure{.name = "f"};
  Panel panel;
  for (int mark = 0; mark <= static_cast<int>(Mark::kHorizontal); ++mark) {
    panel.series.push_back({.mark = static_cast<Mark>(mark), .x = {1, 2, 3}, .y = {1}, .low = {0}});
  }
  figure.panels = {panel};
  EXPECT_EQ(xml_fault(inline_svg(figure)), "");
}

TEST_F(Draw, AFigureIsLight) {
  // What a page has a dozen of; the brief for pages is 60 kB each.
  EXPECT_LT(inline_svg(profiles()).size(), 30000u);
  EXPECT_LT(inline_svg(every_mark()).size(), 20000u);
}

TEST_F(Draw, ThousandsOfPointsStayLight) {
  Figure figure{.name = "f", .panels = {{}}};
  Series points{.mark = Mark::kPoints, .colour = 0};
  Series line{.colour = 1};
  std::mt19937 generator(7);
  std::uniform_real_distribution<double> place(0, 1);
  for (int i = 0; i < 5000; ++i) {
    points.x.push_back(place(generator));
    points.y.push_back(place(generator));
    line.x.push_back(i / 5000.0);
    line.y.push_back(std::exp(-i / 1000.0));
  }
  figure.panels[0].series = {points, line};
  // 14 bytes a point: "M123.4 123.4h0"; a smooth curve needs few of its vertices.
  EXPECT_LT(inline_svg(figure).size(), 5000u * 16u + 6000u);
}

TEST_F(Draw, TextIsAtLeastElevenPixels) {
  for (const Figure& figure : {profiles(), every_mark()}) {
    const std::string svg = inline_svg(figure);
    const std::regex size("font-size=\"([0-9.]+)\"");
    for (std::sregex_iterator it(svg.begin(), svg.end(), size), end; it != end; ++it) {
      EXPECT_GE(std::stod((*it)[1]), 11);
    }
  }
}

// A text's ends, roughly, stay within the picture.
TEST_F(Draw, NoLabelIsCutOff) {
  for (const double width : {317.0, 720.0}) {
    const std::string svg = inline_svg(every_mark(), {.width = width});
    const std::regex text("<text x=\"([-0-9.]+)\" y=\"([-0-9.]+)\">");
    for (std::sregex_iterator it(svg.begin(), svg.end(), text), end; it != end; ++it) {
      EXPECT_GT(std::stod((*it)[1]), 0);
      EXPECT_LT(std::stod((*it)[1]), width);
      EXPECT_GT(std::stod((*it)[2]), 8);
    }
  }
}

TEST_F(Draw, AnOrderedFamilyHasARampForItsKey) {
  const std::string svg = inline_svg(profiles());
  EXPECT_THAT(svg, HasSubstr(">budget 0</text>"));
  EXPECT_THAT(svg, HasSubstr(">budget 8</text>"));
  EXPECT_THAT(svg, Not(HasSubstr(">budget 4</text>")));
  EXPECT_THAT(svg, HasSubstr("<title>budget 4</title>"));
}

TEST_F(Draw, SeveralAreDrawnInTheirOrder) {
  const Figure none{.name = "none", .why_empty = "no runs"};
  const std::vector<std::string> drawn = inline_svgs({profiles(), none, every_mark()});
  ASSERT_EQ(drawn.size(), 3u);
  EXPECT_EQ(drawn[0], inline_svg(profiles()));
  EXPECT_EQ(drawn[1], "");
  EXPECT_EQ(drawn[2], inline_svg(every_mark()));
}

TEST_F(Draw, AnEmptyFigureIsRefusedWithItsReason) {
  try {
    inline_svg({.name = "none", .why_empty = "no runs are done; run isoflop sweep run"});
    FAIL() << "was drawn";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("isoflop sweep run"));
  }
}

TEST_F(DrawFile, APdfHasItsTextAndItsSize) {
  const std::string path = file("f.pdf");
  draw_file(profiles(), path, {.width = 317, .height = 240});
  const std::string pdf = content(path);
  EXPECT_EQ(pdf.substr(0, 5), "%PDF-");
  // 317 CSS pixels are 3.3 inches of 72 points.
  const std::regex box("MediaBox \\[ 0 0 ([0-9.]+) ([0-9.]+) \\]");
  std::smatch size;
  if (std::regex_search(pdf, size, box)) {
    EXPECT_NEAR(std::stod(size[1]), 317 * 0.75, 1);
    EXPECT_NEAR(std::stod(size[2]), 240 * 0.75, 1);
  }
  if (std::system("pdftotext -v >/dev/null 2>&1") != 0)
    GTEST_SKIP() << "pdftotext is not installed";
  const std::string said = file("f.txt");
  ASSERT_EQ(std::system(("pdftotext " + path + " " + said).c_str()), 0);
  EXPECT_THAT(content(said), HasSubstr("parameters N"));
  EXPECT_THAT(content(said), HasSubstr("100M"));
}

TEST_F(DrawFile, APngHasTwoHundredDotsAnInch) {
  const std::string path = file("f.png");
  draw_file(every_mark(), path, {.width = 480, .height = 288});
  const std::string png = content(path);
  ASSERT_GT(png.size(), 24u);
  EXPECT_EQ(png.substr(1, 3), "PNG");
  const auto big_endian = [&](std::size_t at) {
    unsigned value = 0;
    for (std::size_t i = at; i < at + 4; ++i)
      value = value << 8 | static_cast<unsigned char>(png[i]);
    return value;
  };
  EXPECT_EQ(big_endian(16), 1000u);
  EXPECT_EQ(big_endian(20), 600u);
}

TEST_F(DrawFile, AnSvgFileStandsByItself) {
  const std::string path = file("f.svg");
  draw_file(profiles(), path);
  const std::string svg = content(path);
  EXPECT_EQ(xml_fault(svg), "");
  EXPECT_THAT(svg, Not(HasSubstr("var(")));
  EXPECT_THAT(svg, HasSubstr("width=\"720\""));
}

TEST_F(DrawFile, OtherFileTypesAreRefused) {
  try {
    draw_file(profiles(), file("f.jpg"));
    FAIL() << "was drawn";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), HasSubstr(".pdf"));
  }
}

TEST_F(DrawFile, AFolderThatIsNotThereIsSaid) {
  EXPECT_THROW(draw_file(profiles(), file("nowhere/f.svg")), Error);
}

}  // namespace
}  // namespace isoflop
