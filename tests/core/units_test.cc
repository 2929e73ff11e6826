#include "core/units.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>

#include "core/error.h"

namespace isoflop {
namespace {

TEST(Units, ReadsNumbersAsPeopleWriteThem) {
  EXPECT_EQ(parse_quantity("1e19", "budget"), 1e19);
  EXPECT_EQ(parse_quantity("3.5B", "budget"), 3.5e9);
  EXPECT_EQ(parse_quantity("70M", "budget"), 70e6);
  EXPECT_EQ(parse_quantity(" 20k ", "budget"), 20e3);
  EXPECT_EQ(parse_quantity("1.4T", "budget"), 1.4e12);
  EXPECT_EQ(parse_quantity("+2", "budget"), 2);
  EXPECT_EQ(parse_quantity("3E", "budget"), 3e18);
  EXPECT_EQ(parse_quantity("3E2", "budget"), 300);
}

TEST(Units, RefusesWhatIsNotANumberAndNamesIt) {
  for (const char* text : {"", "abc", "1e19x", "3.5Bn", "nan", "inf", "1e999", "--3", "1,5"}) {
    EXPECT_FALSE(try_parse_quantity(text)) << text;
    try {
      parse_quantity(text, "--flops");
      FAIL() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), 2);
      EXPECT_NE(std::string(error.what()).find("--flops"), std::string::npos);
    }
  }
}

TEST(Units, PrintsThreeDigitsAndASuffix) {
  EXPECT_EQ(format_quantity(73.2e9), "73.2B");
  EXPECT_EQ(format_quantity(1.31e12), "1.31T");
  EXPECT_EQ(format_quantity(999.7e6), "1.00B");
  EXPECT_EQ(format_quantity(950), "950");
  EXPECT_EQ(format_quantity(9.4), "9.40");
  EXPECT_EQ(format_quantity(0), "0");
  EXPECT_EQ(format_quantity(0.0123456), "0.0123");
  EXPECT_EQ(format_quantity(0.5), "0.5");
  EXPECT_EQ(format_quantity(0.999), "1.00");
  EXPECT_EQ(format_quantity(5.76e23), "5.76e23");
  EXPECT_EQ(format_flops(5.76e23), "5.76e23");
  EXPECT_EQ(format_flops(1e12), "1e12");
  EXPECT_EQ(format_flops(0), "0");
}

TEST(Units, PrintsDurations) {
  EXPECT_EQ(format_duration(4.26), "4.3 s");
  EXPECT_EQ(format_duration(59.4), "59 s");
  EXPECT_EQ(format_duration(190), "3 min 10 s");
  EXPECT_EQ(format_duration(7500), "2 h 5 min");
  EXPECT_EQ(format_duration(360000), "4.2 days");
}

TEST(Units, ExactNumbersReadBackTheSame) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 10000; ++i) {
    const double value =
        std::ldexp(static_cast<double>(random()), static_cast<int>(random() % 200) - 100);
    EXPECT_EQ(parse_quantity(exact_number(value), "value"), value);
  }
}

TEST(Units, TimesNeedTheirUnit) {
  EXPECT_EQ(parse_duration("24h", "t"), 86400);
  EXPECT_EQ(parse_duration("90 min", "t"), 5400);
  EXPECT_EQ(parse_duration("20ms", "t"), 0.02);
  EXPECT_EQ(parse_duration("2w", "t"), 1209600);
  for (const char* text : {"24", "", "h", "3 moons", "1e3"}) {
    EXPECT_THROW(parse_duration(text, "t"), Error) << text;
  }
}

TEST(Units, MemoryIsDecimalUnlessItSaysOtherwise) {
  EXPECT_EQ(parse_bytes("80GB", "m"), 80e9);
  EXPECT_EQ(parse_bytes("80G", "m"), 80e9);
  EXPECT_EQ(parse_bytes("1GiB", "m"), 1073741824.0);
  EXPECT_THROW(parse_bytes("80", "m"), Error);
  EXPECT_EQ(format_bytes(140e9), "140 GB");
  EXPECT_EQ(format_bytes(1.12e12), "1.12 TB");
  EXPECT_EQ(format_bytes(512), "512 B");
}

TEST(Units, MoneyIsDollars) {
  EXPECT_EQ(parse_money("$500", "m"), 500);
  EXPECT_EQ(parse_money("1.2M", "m"), 1.2e6);
  EXPECT_EQ(parse_money("$2.69", "m"), 2.69);
  EXPECT_THROW(parse_money("500 EUR", "m"), Error);
  EXPECT_EQ(format_money(5830), "$5.83k");
  EXPECT_EQ(format_money(0.004), "$0.004");
}

}  // namespace
}  // namespace isoflop
