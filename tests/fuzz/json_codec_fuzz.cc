// JSON of the admin service: what the codec and protobuf's json_util both read means the same, and
// what the codec writes json_util reads back.
//
// The first byte chooses: `0` to `5` a request as JSON, `6` to `8` a reply as protobuf bytes.
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>

#include <string>

#include "plugin/api/json_codec.h"
#include "tests/fuzz/fuzz.h"

namespace session_status::api {
namespace {

using ::google::protobuf::util::JsonStringToMessage;
using ::google::protobuf::util::MessageDifferencer;

template <typename Request>
void CheckRead(absl::string_view json) {
  Request ours, theirs;
  const absl::Status status = ReadJson(json, &ours);
  if (!status.ok()) {
    FUZZ_CHECK(status.code() == absl::StatusCode::kInvalidArgument && !status.message().empty());
    return;
  }
  Request again;  // protobuf takes no text that is not UTF-8
  FUZZ_CHECK(again.ParseFromString(ours.SerializeAsString()));
  if (!JsonStringToMessage(std::string(json), &theirs).ok()) return;
  FUZZ_CHECK(MessageDifferencer::Equals(ours, theirs));
}

template <typename Reply>
void CheckWrite(absl::string_view bytes) {
  Reply reply, back;
  if (!reply.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
  reply.DiscardUnknownFields();
  std::string json;
  WriteJson(reply, &json);
  FUZZ_CHECK(JsonStringToMessage(json, &back).ok());
  FUZZ_CHECK(MessageDifferencer::Equals(reply, back));
}

}  // namespace
}  // namespace session_status::api

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace session_status::api;
  session_status::fuzz::Input input(data, size);
  switch (input.Byte()) {
    case '0':
      CheckRead<pb::BatchQuerySessionByClientIdsRequest>(input.rest());
      break;
    case '1':
      CheckRead<pb::QuerySessionByClientIdRequest>(input.rest());
      break;
    case '2':
      CheckRead<pb::GetServerStatusRequest>(input.rest());
      break;
    case '3':
      CheckRead<pb::GetCountsRequest>(input.rest());
      break;
    case '4':
      CheckRead<pb::ListSessionsRequest>(input.rest());
      break;
    case '5':
      CheckRead<pb::WatchSessionsRequest>(input.rest());
      break;
    case '6':
      CheckWrite<pb::BatchQuerySessionByClientIdsResponse>(input.rest());
      break;
    case '7':
      CheckWrite<pb::QuerySessionByClientIdResponse>(input.rest());
      break;
    case '8':
      CheckWrite<pb::ListSessionsResponse>(input.rest());
      break;
    case '9':
      CheckRead<pb::GetHistoryRequest>(input.rest());
      break;
    case 'a':
      CheckRead<pb::ListFlappersRequest>(input.rest());
      break;
    case 'b':
      CheckWrite<pb::GetHistoryResponse>(input.rest());
      break;
    default:
      break;
  }
  return 0;
}
