// Query strings and form bodies: the two readers of the plugin agree, encoding is undone by
// decoding, and UTF-8 is judged as a plain decoder judges it.
#include <algorithm>
#include <string>
#include <vector>

#include "plugin/auth/parameters.h"
#include "plugin/http/query_string.h"
#include "plugin/text/percent_coding.h"
#include "plugin/text/utf8.h"
#include "tests/fuzz/fuzz.h"

namespace session_status {
namespace {

// The slow reference: decodes one character after the other (RFC 3629).
bool IsUtf8(absl::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto byte = [&](size_t at) {
      return at < text.size() ? static_cast<uint8_t>(text[at]) : uint8_t{0};
    };
    const uint8_t first = byte(i);
    const int more = first < 0x80       ? 0
                     : first >> 5 == 6  ? 1
                     : first >> 4 == 14 ? 2
                     : first >> 3 == 30 ? 3
                                        : -1;
    if (more < 0) return false;
    uint32_t code = more == 0 ? first : first & (0x3Fu >> more);
    for (int k = 1; k <= more; ++k) {
      const uint8_t next = byte(i + static_cast<size_t>(k));
      if (next >> 6 != 2) return false;
      code = code << 6 | (next & 0x3F);
    }
    static constexpr uint32_t kSmallest[] = {0, 0x80, 0x800, 0x10000};
    if (code < kSmallest[more] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
      return false;
    i += static_cast<size_t>(more) + 1;
  }
  return true;
}

void CheckEncoding(absl::string_view text) {
  FUZZ_CHECK(text::IsValidUtf8(text) == IsUtf8(text));
  FUZZ_CHECK(http::CheckTextParameters({{"", std::string(text)}}, {}).ok() == IsUtf8(text));
  std::string once, twice, again, back;
  text::AppendPercentEncoded(text, &once);
  text::AppendPercentEncoded(once, &again);
  {
    text::TextRoom room(text.size(), &twice);
    text::AddTwicePercentEncoded(text, &room);
  }
  FUZZ_CHECK(twice == again);
  back.resize(once.size());
  char* end = &back[0];
  bool canonical = true;
  FUZZ_CHECK(text::FormDecode(once, &end, &canonical) && canonical);
  FUZZ_CHECK(absl::string_view(back.data(), static_cast<size_t>(end - back.data())) == text);
}

void CheckDecoders(absl::string_view text) {
  auto pairs = http::ParseQueryString(text);
  auth::Parameters parameters;
  const auto outcome = parameters.Read(text, "");
  if (outcome != auth::Parameters::Outcome::kOk) return;
  FUZZ_CHECK(pairs.ok());
  pairs->erase(std::remove_if(pairs->begin(), pairs->end(),
                              [](const auto& p) { return p.first.empty() && p.second.empty(); }),
               pairs->end());
  for (const auto& [name, value] : *pairs) {
    const absl::string_view* found = parameters.Find(name);
    FUZZ_CHECK(found != nullptr && *found == value);
  }
  const auto sorted = parameters.sorted();
  for (size_t i = 0; i < sorted.size(); ++i) {
    FUZZ_CHECK(IsUtf8(sorted[i].name) && IsUtf8(sorted[i].value));
    if (i > 0) FUZZ_CHECK(sorted[i - 1].name < sorted[i].name);
    if (sorted[i].canonical.empty()) continue;
    std::string pair;
    text::AppendPercentEncoded(sorted[i].name, &pair);
    pair += '=';
    text::AppendPercentEncoded(sorted[i].value, &pair);
    FUZZ_CHECK(sorted[i].canonical == pair);
  }
  // The same text as a form: the same parameters, and none of them in the query.
  auth::Parameters form;
  FUZZ_CHECK(form.Read("", text) == outcome && form.sorted().size() == sorted.size());
  FUZZ_CHECK(text.empty() || form.sorted_query().empty());
}

}  // namespace
}  // namespace session_status

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  session_status::CheckEncoding(text);
  session_status::CheckDecoders(text);
  return 0;
}
