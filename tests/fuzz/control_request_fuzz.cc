// Payloads of `$CONTROL/session-status/v1`, which any MQTT client that may publish there sends. The
// answer is JSON within its bounds; a payload that another reading of it takes for commands gets
// one response for each, in order, with its own correlation data and with either data or an error.
#include <rapidjson/document.h>

#include <algorithm>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "plugin/control/commands.h"
#include "plugin/http/lone_surrogate.h"
#include "plugin/listing/lister.h"
#include "plugin/os/poller.h"
#include "tests/fuzz/fuzz.h"
#include "tests/listing/listing_fixture.h"

namespace session_status::control {
namespace {

using rapidjson::Value;

constexpr size_t kPayloadBytesMax = 16'384;
constexpr int kDepthMax = 8;
// Of an error: the longest lists the members or fields that there are.
constexpr size_t kErrorBytesMax = 4096;

const absl::Time kNow = listing::kStart + absl::Hours(1);

class World {
 public:
  World() {
    service_.use_lister(&lister_);
    for (int i = 0; i < 5; ++i) writer_.Connect(absl::StrCat("c", i));
    writer_.Connect("group@@@\"quoted\"\xE4\xBD\xA0");
    writer_.End("c1");
    writer_.End("c2", /*kept=*/true);
    writer_.registry.PublishSnapshot(kNow);
  }
  const api::Service& service() const { return service_; }

 private:
  os::Poller poller_{absl::Milliseconds(10)};
  listing::Writer writer_{poller_, {.ring_bytes = size_t{1} << 16}, {}, size_t{1} << 16};
  api::Service service_{writer_.registry, {}};
  listing::Lister lister_{writer_.cuts, listing::kEpoch, absl::Seconds(5)};
};

// Questions change nothing, but that a listing keeps its cut.
const World& FreshEnough(bool anew) {
  static auto* world = new std::unique_ptr<World>;
  if (anew || *world == nullptr) *world = std::make_unique<World>();
  return **world;
}

absl::string_view Text(const Value& v) { return {v.GetString(), v.GetStringLength()}; }

int Depth(const Value& v) {
  int below = 0;
  if (v.IsArray()) {
    for (const Value& element : v.GetArray()) below = std::max(below, Depth(element));
  } else if (v.IsObject()) {
    for (const auto& member : v.GetObject()) below = std::max(below, Depth(member.value));
  } else {
    return 0;
  }
  return below + 1;
}

const Value* Find(const Value& object, const char* name) {
  const auto found = object.FindMember(name);
  return found == object.MemberEnd() ? nullptr : &found->value;
}

void CheckOne(const Value& command, const Value& response) {
  FUZZ_CHECK(response.IsObject());
  const Value* data = Find(response, "data");
  const Value* error = Find(response, "error");
  const Value* code = Find(response, "code");
  const Value* echo = Find(response, "correlationData");
  FUZZ_CHECK((data == nullptr) != (error == nullptr) && (error == nullptr) == (code == nullptr));
  FUZZ_CHECK(data == nullptr || data->IsObject());
  FUZZ_CHECK(error == nullptr || (error->IsString() && error->GetStringLength() > 0 &&
                                  error->GetStringLength() < kErrorBytesMax && code->IsString()));
  const Value* asked = command.IsObject() ? Find(command, "command") : nullptr;
  const Value* correlation = command.IsObject() ? Find(command, "correlationData") : nullptr;
  const bool echoes = correlation != nullptr && correlation->IsString();
  FUZZ_CHECK((echo != nullptr) == echoes);
  FUZZ_CHECK(!echoes || Text(*echo) == Text(*correlation));
  const Value* name = Find(response, "command");
  FUZZ_CHECK(name != nullptr && name->IsString());
  FUZZ_CHECK(data == nullptr ||
             (asked != nullptr && asked->IsString() && Text(*asked) == Text(*name)));
  if (data == nullptr || Text(*name) != "query") return;
  const Value* about = Find(*data, "clientId");
  FUZZ_CHECK(about != nullptr && about->IsString() && about->GetStringLength() > 0);
}

void Ask(absl::string_view payload) {
  static bool listed = false;
  const std::string answer = AnswerCommands(FreshEnough(listed).service(), payload, kNow);
  listed = absl::StrContains(answer, "\"command\":\"list\"");

  rapidjson::Document replied;
  replied.Parse<rapidjson::kParseValidateEncodingFlag>(answer.data(), answer.size());
  FUZZ_CHECK(!replied.HasParseError() && replied.IsObject() && replied.MemberCount() == 1);
  const Value* responses = Find(replied, "responses");
  FUZZ_CHECK(responses != nullptr && responses->IsArray() && responses->Size() <= kCommandsMax);
  // What is echoed comes on top, each byte of it escaped at worst.
  FUZZ_CHECK(answer.size() <= kAnswerBytesMax + kCommandsMax * kErrorBytesMax + 6 * payload.size());

  rapidjson::Document asked;
  constexpr unsigned kFlags =
      rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
  asked.Parse<kFlags>(payload.data(), payload.size());
  const bool is_json =
      !asked.HasParseError() && http::FindLoneSurrogate(payload) == absl::string_view::npos;
  const Value* commands = is_json && asked.IsObject() ? Find(asked, "commands") : nullptr;
  const bool sound = commands != nullptr && commands->IsArray() &&
                     commands->Size() <= kCommandsMax && Depth(asked) <= kDepthMax;
  if (!sound) {
    FUZZ_CHECK(responses->Size() == 1);
    return CheckOne(Value(), (*responses)[0]);
  }
  FUZZ_CHECK(responses->Size() == commands->Size());
  for (rapidjson::SizeType i = 0; i < commands->Size(); ++i) {
    CheckOne((*commands)[i], (*responses)[i]);
  }
}

}  // namespace
}  // namespace session_status::control

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  session_status::control::Ask({reinterpret_cast<const char*>(data),
                                std::min(size, session_status::control::kPayloadBytesMax)});
  return 0;
}
