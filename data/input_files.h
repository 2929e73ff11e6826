// Which files a corpus is made of, and what is in each.
//
// A folder stands for the regular files below it, sorted by path. Hidden files and folders are left
// out, which is said in the notes. What a file is, is seen in this order:
//
//   FILE.bin beside a FILE.idx that begins with MMIDIDX (either may be named)   Megatron-LM
//   the first int32 is 20240520 or 20240801                                     llm.c
//   begins with \x93NUMPY                                                        NumPy array
//   `token_bytes` was given                                   ids without a header (nanoGPT)
//   the name ends in .jsonl or .ndjson, or TextFormat::kJsonl                   JSON Lines
//   anything else                                                               plain text
//
// Compressed files and .bin files that are none of these are refused with what to do. With
// `token_bytes`, only files named *.bin and *.npy are taken from folders.
//
// Errors: Error(kUsage) naming the file; Error(kFailed) when the disk fails.
#ifndef ISOFLOP_DATA_INPUT_FILES_H_
#define ISOFLOP_DATA_INPUT_FILES_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace isoflop {

struct CorpusInput {
  std::string path;                    // a file or a folder
  std::string licence = "not stated";  // goes into the manifest with each of its files
};

enum class TextFormat { kByName, kPlain, kJsonl };

enum class FileKind { kPlainText, kJsonl, kMegatron, kLlmC, kNumpy, kRawIds };

struct InputFile {
  std::filesystem::path path;  // of Megatron pairs the .bin
  std::string licence;
  FileKind kind = FileKind::kPlainText;
};

// All of them, each once. `token_bytes` is 0 unless ids without a header are expected.
std::vector<InputFile> collect_files(const std::vector<CorpusInput>& inputs, TextFormat format,
                                     std::int64_t token_bytes, std::vector<std::string>& notes);

bool holds_ids(FileKind kind);

}  // namespace isoflop

#endif  // ISOFLOP_DATA_INPUT_FILES_H_
