// Runs a fuzz target without libFuzzer: every file of the given folders, and of each a fixed number
// of mutations that depend on nothing but the file.
//
//   http_request_fuzz [-mutations=N] FOLDER-OR-FILE…
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "tests/fuzz/fuzz.h"

namespace {

// Some seconds for all targets together, sanitizers included.
constexpr int kMutationsPerFile = 200;

void Run(const std::string& bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

std::string Read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// One small change: a byte, a cut, a repetition or bytes of another place.
void Mutate(std::mt19937* rng, std::string* bytes) {
  const auto below = [&](size_t n) { return static_cast<size_t>((*rng)()) % n; };
  if (bytes->empty()) bytes->push_back('0');
  const size_t at = below(bytes->size());
  const size_t length = 1 + below(std::min<size_t>(bytes->size() - at, 16));
  switch (below(6)) {
    case 0:
      (*bytes)[at] = static_cast<char>((*rng)());
      break;
    case 1:
      (*bytes)[at] = static_cast<char>((*bytes)[at] ^ (1 << below(8)));
      break;
    case 2:
      bytes->erase(at, length);
      break;
    case 3:
      bytes->insert(at, bytes->substr(at, length));
      break;
    case 4:
      bytes->insert(below(bytes->size()), bytes->substr(at, length));
      break;
    default:
      bytes->resize(at);
      break;
  }
}

void Replay(const std::filesystem::path& path, int mutations) {
  const std::string seed = Read(path);
  Run(seed);
  std::mt19937 rng(static_cast<std::mt19937::result_type>(seed.size()));
  for (int i = 0; i < mutations; ++i) {
    std::string bytes = seed;
    for (size_t changes = 1 + rng() % 4; changes > 0; --changes) Mutate(&rng, &bytes);
    Run(bytes);
  }
}

}  // namespace

int main(int argc, char** argv) {
  int mutations = kMutationsPerFile;
  std::vector<std::filesystem::path> files;
  for (int i = 1; i < argc; ++i) {
    constexpr char kMutations[] = "-mutations=";
    if (absl::StartsWith(argv[i], kMutations)) {
      if (!absl::SimpleAtoi(argv[i] + std::strlen(kMutations), &mutations)) return 2;
    } else if (std::filesystem::is_directory(argv[i])) {
      for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
        if (entry.is_regular_file()) files.push_back(entry.path());
      }
    } else {
      files.emplace_back(argv[i]);
    }
  }
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    std::fprintf(stderr, "%s\n", file.c_str());
    Replay(file, mutations);
  }
  Run("");
  if (files.empty()) {
    std::fprintf(stderr, "no input: nothing was tested\n");
    return 1;
  }
  return 0;
}
