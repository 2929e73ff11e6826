// core/no_openssl.cc, which the other test programs do not link.
#include <cstdio>
#include <fstream>
#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "core/hash.h"

namespace isoflop {
namespace {

// FIPS 180-2, appendix B, and the digest of nothing.
TEST(HashWithoutOpenssl, HasThePublishedDigests) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(HashWithoutOpenssl, PiecesGiveTheDigestOfTheWhole) {
  std::string text;
  for (int i = 0; i < 300; ++i) {
    text += static_cast<char>(i * 37);
    Sha256 pieces;
    for (std::size_t at = 0; at < text.size(); at += 7) {
      pieces.update(std::string_view(text).substr(at, 7));
    }
    ASSERT_EQ(pieces.hex(), sha256(text)) << i;
  }
}

// Every length around a block's end, against another program.
TEST(HashWithoutOpenssl, AgreesWithSha256sum) {
  for (const std::size_t length : {1u, 55u, 56u, 57u, 63u, 64u, 65u, 119u, 120u, 128u}) {
    const std::string text(length, static_cast<char>('a' + length % 26));
    const std::string path = testing::TempDir() + "hash_" + std::to_string(length);
    std::ofstream(path, std::ios::binary) << text;
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(("sha256sum " + path).c_str(), "r"),
                                                     pclose);
    char digest[65] = {};
    ASSERT_EQ(std::fread(digest, 1, 64, pipe.get()), 64u);
    EXPECT_EQ(sha256(text), digest) << length;
  }
}

}  // namespace
}  // namespace isoflop
