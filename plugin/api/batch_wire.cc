#include "plugin/api/batch_wire.h"

#include <google/protobuf/io/coded_stream.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "plugin/api/fleet_messages.h"

namespace session_status::api {
namespace {

using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;
using registry::SessionStatus;

constexpr uint32_t kVarint = 0, kBytes = 2;  // wire types
constexpr uint32_t Tag(int field, uint32_t type) {
  return static_cast<uint32_t>(field) << 3 | type;
}
// Every tag here fits one byte, and so does every enum value.
static_assert(registry::kSessionStateCount <= 128 && registry::kEndReasonCount <= 128);

using Ids = absl::InlinedVector<absl::string_view, 16>;  // a batch of ten needs no allocation

// Other text must be checked to be UTF-8, which the general way does.
bool IsAscii(absl::string_view text) {
  uint64_t high = 0;
  size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t bytes;
    std::memcpy(&bytes, text.data() + i, 8);
    high |= bytes;
  }
  for (; i < text.size(); ++i) high |= static_cast<unsigned char>(text[i]);
  return (high & 0x8080808080808080) == 0;
}

bool ReadIds(absl::string_view message, Ids* ids) {
  using Request = pb::BatchQuerySessionByClientIdsRequest;
  constexpr uint32_t kId = Tag(Request::kClientIdsFieldNumber, kBytes);
  const auto* bytes = reinterpret_cast<const uint8_t*>(message.data());
  if (message.size() > INT32_MAX) return false;
  CodedInputStream in(bytes, static_cast<int>(message.size()));
  for (uint32_t tag = in.ReadTag(); tag != 0; tag = in.ReadTag()) {
    uint32_t size = 0;
    if (tag != kId || !in.ReadVarint32(&size) || size == 0 || size > registry::kClientIdBytesMax)
      return false;
    const auto at = static_cast<size_t>(in.CurrentPosition());
    if (size > message.size() - at || ids->size() == kBatchIdsMax) return false;
    ids->push_back(message.substr(at, size));
    if (!IsAscii(ids->back()) || !in.Skip(static_cast<int>(size))) return false;
  }
  return in.ConsumedEntireMessage() && !ids->empty();
}

size_t SnapshotBytes(const uint64_t (&values)[3]) {
  size_t size = 0;
  for (const uint64_t value : values) {
    if (value != 0) size += 1 + CodedOutputStream::VarintSize64(value);
  }
  return size;
}

// Fields 1 to 3 of Snapshot are varints; as everywhere in proto3, a zero is left out.
uint8_t* WriteSnapshot(const uint64_t (&values)[3], uint8_t* to) {
  static_assert(pb::Snapshot::kSequenceFieldNumber == 1 &&
                pb::Snapshot::kTakenAtMsFieldNumber == 2 && pb::Snapshot::kAgeMsFieldNumber == 3);
  using Response = pb::BatchQuerySessionByClientIdsResponse;
  *to++ = static_cast<uint8_t>(Tag(Response::kSnapshotFieldNumber, kBytes));
  to = CodedOutputStream::WriteVarint32ToArray(static_cast<uint32_t>(SnapshotBytes(values)), to);
  for (int i = 0; i < 3; ++i) {
    if (values[i] == 0) continue;
    *to++ = static_cast<uint8_t>(Tag(i + 1, kVarint));
    to = CodedOutputStream::WriteVarint64ToArray(values[i], to);
  }
  return to;
}

// A text field that is left out when it is empty.
size_t TextBytes(absl::string_view text) {
  const auto bytes = static_cast<uint32_t>(text.size());
  return bytes == 0 ? 0 : 1 + CodedOutputStream::VarintSize32(bytes) + bytes;
}

uint8_t* WriteText(int field, absl::string_view text, uint8_t* to) {
  if (text.empty()) return to;
  *to++ = static_cast<uint8_t>(Tag(field, kBytes));
  to = CodedOutputStream::WriteVarint32ToArray(static_cast<uint32_t>(text.size()), to);
  std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

// `node`: empty but in a fleet, for a client of another node.
size_t SessionBytes(absl::string_view id, const SessionStatus& status, absl::string_view node) {
  return TextBytes(id) + TextBytes(node) + 2 +
         (status.state != registry::SessionState::kUnknown ? 2 : 0) +
         (status.reason != registry::EndReason::kNone ? 2 : 0);
}

uint8_t* WriteByteField(int field, uint8_t value, uint8_t* to) {
  *to++ = static_cast<uint8_t>(Tag(field, kVarint));
  *to++ = value;
  return to;
}

uint8_t* WriteSession(absl::string_view id, const SessionStatus& status, absl::string_view node,
                      uint8_t* to) {
  using Response = pb::BatchQuerySessionByClientIdsResponse;
  *to++ = static_cast<uint8_t>(Tag(Response::kSessionsFieldNumber, kBytes));
  to = CodedOutputStream::WriteVarint32ToArray(
      static_cast<uint32_t>(SessionBytes(id, status, node)), to);
  to = WriteText(pb::OnlineStatus::kClientIdFieldNumber, id, to);
  to = WriteByteField(pb::OnlineStatus::kOnlineFieldNumber, status.online() ? 1 : 0, to);
  if (status.state != registry::SessionState::kUnknown) {
    to =
        WriteByteField(pb::OnlineStatus::kStateFieldNumber, static_cast<uint8_t>(status.state), to);
  }
  if (status.reason != registry::EndReason::kNone) {
    to = WriteByteField(pb::OnlineStatus::kEndReasonFieldNumber,
                        static_cast<uint8_t>(status.reason), to);
  }
  return WriteText(pb::OnlineStatus::kNodeFieldNumber, node, to);
}

// A short message after all sessions: by protobuf.
void AppendFleet(const registry::OthersView& others, const registry::OthersCut& cut, absl::Time now,
                 std::string* out) {
  pb::BatchQuerySessionByClientIdsResponse last;
  FillFleetView(others, cut.source, cut.as_of, now, last.mutable_fleet());
  last.AppendToString(out);
}

}  // namespace

bool AnswerPlainBatch(const Service& service, absl::string_view message, absl::Time now,
                      std::string* out) {
  Ids ids;
  if (!ReadIds(message, &ids)) return false;
  absl::InlinedVector<SessionStatus, 16> statuses(ids.size());
  const registry::WholeCut cut =
      service.view().QuerySnapshot(absl::MakeConstSpan(ids), absl::MakeSpan(statuses));
  const auto node_of = [&cut](size_t i) { return cut.fleet ? cut.nodes[i] : absl::string_view(); };
  const uint64_t snapshot[3] = {cut.own.sequence,
                                static_cast<uint64_t>(absl::ToUnixMillis(cut.own.taken_at)),
                                static_cast<uint64_t>(absl::ToInt64Milliseconds(cut.own.age(now)))};
  size_t bytes_max = 2 + SnapshotBytes(snapshot);
  // Tag, length of up to three bytes, and the element.
  for (size_t i = 0; i < ids.size(); ++i) {
    bytes_max += 4 + SessionBytes(ids[i], statuses[i], node_of(i));
  }
  const size_t begin = out->size();
  out->resize(begin + bytes_max);
  auto* const first = reinterpret_cast<uint8_t*>(out->data()) + begin;
  uint8_t* to = WriteSnapshot(snapshot, first);
  for (size_t i = 0; i < ids.size(); ++i) to = WriteSession(ids[i], statuses[i], node_of(i), to);
  out->resize(begin + static_cast<size_t>(to - first));
  if (cut.fleet) AppendFleet(*service.view().others(), cut.others, now, out);
  return true;
}

}  // namespace session_status::api
