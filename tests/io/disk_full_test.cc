// Files on a disk that is full, or nearly.
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/disk_space.h"
#include "core/error.h"
#include "io/atomic_file.h"
#include "io/checkpoint_file.h"
#include "tests/faults/private_disk.h"

namespace isoflop {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class FullDiskFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!disk_.why().empty()) GTEST_SKIP() << disk_.why();
  }

  // Nothing but the file is left: no draft.
  void expect_only(const std::string& name) const {
    for (const auto& entry : std::filesystem::directory_iterator(disk_.folder())) {
      EXPECT_TRUE(entry.path().filename() == name || entry.path().filename() == "filler")
          << entry.path();
    }
  }

  struct Folder {
    std::string path =
        (std::filesystem::temp_directory_path() / ("isoflop-disk-" + std::to_string(::getpid())))
            .string();
    ~Folder() { std::filesystem::remove(path); }
  };
  const Folder folder_;
  const PrivateDisk disk_{folder_.path, 1 << 20};
  const std::string path_ = disk_.folder() + "/state";
};

std::string refusal_of(const std::function<void()>& write) {
  try {
    write();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), kDiskFull);
    EXPECT_EQ(error.kind(), ErrorKind::kFailed);
    return error.what();
  }
  return "it was written";
}

Checkpoint checkpoint_of(std::size_t weights, std::int64_t step) {
  return {.step = step,
          .weights = std::vector<float>(weights, 1),
          .means = std::vector<float>(weights, 2),
          .squares = std::vector<float>(weights, 3)};
}

TEST_F(FullDiskFileTest, TheOldTextStaysAndNoDraftIsLeft) {
  write_file_atomically(path_, "old");
  const std::string why =
      refusal_of([&] { write_file_atomically(path_, std::string(2 << 20, 'n')); });
  EXPECT_THAT(why, AllOf(HasSubstr("disk full: " + path_), HasSubstr("No space left"),
                         HasSubstr("are free")));
  EXPECT_EQ(read_whole_file(path_), "old");
  expect_only("state");
}

TEST_F(FullDiskFileTest, ACheckpointIsNotBegunWhereItWouldTakeTheReserve) {
  write_checkpoint(path_, checkpoint_of(10'000, 1));
  // 1 MiB - 120 kB have room for 74,000 x 12 bytes, but not for 5 % of the disk beside them.
  const std::string why = refusal_of([&] { write_checkpoint(path_, checkpoint_of(74'000, 2)); });
  EXPECT_THAT(why, AllOf(HasSubstr("a checkpoint of 89"), HasSubstr("a reserve of 52.4 kB")));
  EXPECT_EQ(read_checkpoint(path_).step, 1) << "the one before is whole";
  expect_only("state");
  write_checkpoint(path_, checkpoint_of(60'000, 2));
  EXPECT_EQ(read_checkpoint(path_).step, 2);
}

TEST_F(FullDiskFileTest, AFullDiskIsKnownBeforeAndAfter) {
  EXPECT_EQ(disk_space(disk_.folder())->total, 1 << 20);
  EXPECT_EQ(disk_space(disk_.folder() + "/not/yet/there")->total, 1 << 20);
  EXPECT_GT(disk_space(disk_.folder())->free, 1e6);
  disk_.fill();
  EXPECT_EQ(disk_space(disk_.folder())->free, 0);
  EXPECT_EQ(disk_reserve(*disk_space(disk_.folder())), 0.05 * (1 << 20));
}

}  // namespace
}  // namespace isoflop
