// Bytes of a client through the request parser. Judged alike in one piece, cut anywhere, and byte
// by byte; what was accepted obeys the limits and lies inside the input.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "plugin/transport/request_parser.h"
#include "tests/fuzz/fuzz.h"

namespace session_status::transport {
namespace {

// Small, so that inputs of some hundred bytes reach every one of them.
constexpr RequestLimits kLimits = {200, 400, 12, 100, 30, 60};
// Every cut costs two parses; longer inputs are cut at steps.
constexpr size_t kCutsMax = 300;

struct Outcome {
  int status = 0;  // 0: the parser wants more
  std::string request;
  size_t left = 0;
};

bool Inside(absl::string_view part, const char* bytes, size_t size) {
  return part.empty() || (part.data() >= bytes && part.data() + part.size() <= bytes + size);
}

// "/" stands for the target that an absolute form without a path leaves out.
bool InsideOrRoot(absl::string_view target, const char* bytes, size_t size) {
  return target == "/" || Inside(target, bytes, size);
}

Outcome Accepted(const RequestParser& parser, const char* bytes, size_t size) {
  http::Request request;
  std::vector<http::Header> headers;
  parser.Fill(bytes, &headers, &request);
  FUZZ_CHECK(request.body.size() <= kLimits.body_bytes_max);
  FUZZ_CHECK(headers.size() <= static_cast<size_t>(kLimits.header_count_max));
  FUZZ_CHECK(Inside(request.method, bytes, size) && InsideOrRoot(request.target, bytes, size));
  FUZZ_CHECK(Inside(request.body, bytes, size));
  FUZZ_CHECK(!HasControlCharacter(request.method) && !HasControlCharacter(request.target));
  Outcome outcome = {200, absl::StrCat(request.method, " ", request.path, "?", request.query),
                     size - parser.consumed()};
  for (const http::Header& header : headers) {
    FUZZ_CHECK(Inside(header.name, bytes, size) && Inside(header.value, bytes, size));
    FUZZ_CHECK(!HasControlCharacter(header.value) && !header.name.empty());
    absl::StrAppend(&outcome.request, " [", header.name, "=", header.value, "]");
  }
  absl::StrAppend(&outcome.request, " ", request.body);
  return outcome;
}

// Feeds `text` in pieces that end at `cuts` (rising). The bytes move to new memory each time: a
// view that was kept across calls is found by the address sanitizer.
Outcome Feed(absl::string_view text, const std::vector<size_t>& cuts) {
  RequestParser parser(kLimits);
  std::unique_ptr<char[]> bytes;
  size_t size = 0, fed = 0;
  for (size_t i = 0; i <= cuts.size(); ++i) {
    const size_t end = i < cuts.size() ? cuts[i] : text.size();
    const absl::string_view piece = text.substr(fed, end - fed);
    fed = end;
    auto moved = std::make_unique<char[]>(size + piece.size());
    std::copy_n(bytes.get(), size, moved.get());
    std::copy(piece.begin(), piece.end(), moved.get() + size);
    bytes = std::move(moved);
    size += piece.size();
    const auto progress = parser.Parse(bytes.get(), &size);
    if (progress == RequestParser::Progress::kNeedMore) continue;
    if (progress == RequestParser::Progress::kRefused) {
      FUZZ_CHECK(parser.refusal().status >= 400 && !parser.refusal().message.empty());
      http::Request shown;  // what is safe to show after a refusal
      std::vector<http::Header> headers;
      parser.Fill(bytes.get(), &headers, &shown);
      FUZZ_CHECK(InsideOrRoot(shown.target, bytes.get(), size));
      return {parser.refusal().status, "", 0};
    }
    FUZZ_CHECK(parser.consumed() <= size);
    Outcome outcome = Accepted(parser, bytes.get(), size);
    outcome.left += text.size() - fed;
    return outcome;
  }
  return {};
}

void CheckSame(const Outcome& whole, const Outcome& split) {
  FUZZ_CHECK(whole.status == split.status);
  FUZZ_CHECK(whole.request == split.request);
  FUZZ_CHECK(whole.left == split.left);
}

void CheckEveryCut(absl::string_view text) {
  const Outcome whole = Feed(text, {});
  const size_t step = text.size() / kCutsMax + 1;
  for (size_t cut = 1; cut < text.size(); cut += step) CheckSame(whole, Feed(text, {cut}));
  std::vector<size_t> all;
  for (size_t cut = 1; cut < text.size(); ++cut) all.push_back(cut);
  CheckSame(whole, Feed(text, all));
}

}  // namespace
}  // namespace session_status::transport

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kInputBytesMax = 4096;  // far beyond every limit above
  session_status::transport::CheckEveryCut(
      {reinterpret_cast<const char*>(data), std::min(size, kInputBytesMax)});
  return 0;
}
