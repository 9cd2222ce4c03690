// What the fuzz targets share. A target is one function over bytes that aborts when a property does
// not hold; the same source serves two programs:
//   * clang's libFuzzer (preset `fuzz`, tools/fuzz), which searches;
//   * a plain program in every preset (replay_main.cc), which runs the seeds, every regression and
//     a fixed number of mutations of each, and is a test like any other.
//
// corpus/<target>/ holds small readable seeds, regressions/<target>/ inputs that once failed.
#ifndef SESSION_STATUS_TESTS_FUZZ_FUZZ_H_
#define SESSION_STATUS_TESTS_FUZZ_FUZZ_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/string_view.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace session_status::fuzz {

// Takes an input apart. Reading past the end gives zeros and empty texts.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return rest_.empty(); }
  absl::string_view rest() const { return rest_; }

  uint8_t Byte() {
    if (rest_.empty()) return 0;
    const char byte = rest_.front();
    rest_.remove_prefix(1);
    return static_cast<uint8_t>(byte);
  }

  // Up to the next `end`, which is dropped, or up to the end of the input.
  absl::string_view Until(char end) {
    const size_t at = rest_.find(end);
    const absl::string_view text = rest_.substr(0, at);
    rest_.remove_prefix(at == absl::string_view::npos ? rest_.size() : at + 1);
    return text;
  }

 private:
  absl::string_view rest_;
};

[[noreturn]] inline void Fail(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
  std::abort();
}

}  // namespace session_status::fuzz

#define FUZZ_CHECK(condition)         \
  ((condition) ? static_cast<void>(0) \
               : ::session_status::fuzz::Fail(#condition, __FILE__, __LINE__))

#endif  // SESSION_STATUS_TESTS_FUZZ_FUZZ_H_
