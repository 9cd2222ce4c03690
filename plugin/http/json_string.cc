#include "plugin/http/json_string.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "plugin/http/json_writer.h"

namespace session_status::http {
namespace {

constexpr std::array<bool, 256> MakeEscaped() {
  std::array<bool, 256> escaped{};
  for (size_t c = 0; c < 0x20; ++c) escaped[c] = true;
  escaped['"'] = escaped['\\'] = true;
  return escaped;
}
constexpr std::array<bool, 256> kEscaped = MakeEscaped();

}  // namespace

void AppendJsonString(absl::string_view text, std::string* out) {
  const bool plain = std::none_of(text.begin(), text.end(),
                                  [](char c) { return kEscaped[static_cast<uint8_t>(c)]; });
  if (!plain) return JsonWriter(out).String(text);
  out->push_back('"');
  out->append(text.data(), text.size());
  out->push_back('"');
}

}  // namespace session_status::http
