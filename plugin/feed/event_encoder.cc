#include "plugin/feed/event_encoder.h"

#include "absl/strings/str_cat.h"
#include "plugin/feed/change_json.h"
#include "plugin/http/error_body.h"
#include "plugin/http/json_writer.h"

namespace session_status::feed {
namespace {

constexpr size_t kEnvelopeHeadBytes = 5;
constexpr char kEndStreamFlag = 2;

// Appends an envelope around what `write` appends.
template <typename Write>
void Envelope(char flags, const Write& write, std::string* out) {
  const size_t start = out->size();
  out->append(kEnvelopeHeadBytes, flags);
  write();
  const size_t length = out->size() - start - kEnvelopeHeadBytes;
  for (size_t i = 0; i < 4; ++i) (*out)[start + 1 + i] = static_cast<char>(length >> (24 - 8 * i));
}

uint32_t HeartbeatMs(const ChangeFeed& feed) {
  return static_cast<uint32_t>(absl::ToInt64Milliseconds(feed.options().heartbeat));
}

}  // namespace

// -- server-sent events ---------------------------------------------------------------------------

void SseEncoder::Id(uint64_t sequence, std::string* out) const {
  absl::StrAppend(out, "id: ", feed_.epoch(), "-", sequence, "\n");
}

void SseEncoder::Started(uint64_t sequence, std::string* out) {
  out->append("event: started\n");
  Id(sequence, out);
  out->append("data: ");
  WritePositionJson(sequence, feed_.epoch(), out, HeartbeatMs(feed_));
  out->append("\n\n");
}

// Without an id: a follower that breaks off among the states must get them again.
void SseEncoder::State(const feed::Change& state, std::string* out) {
  out->append("event: state\ndata: ");
  WriteChangeJson(state, out);
  out->append("\n\n");
}

void SseEncoder::Change(const feed::Change& change, std::string* out) {
  out->append("event: change\n");
  Id(change.sequence, out);
  out->append("data: ");
  WriteChangeJson(change, out);
  out->append("\n\n");
}

// Without an id as well: `started` follows, behind the states.
void SseEncoder::Gap(uint64_t missed_after, uint64_t restart_sequence, std::string* out) {
  out->append("event: gap\ndata: ");
  WriteGapJson(missed_after, restart_sequence, feed_.epoch(), out);
  out->append("\n\n");
}

void SseEncoder::Heartbeat(uint64_t sequence, std::string* out) {
  out->append(": heartbeat\n");
  Id(sequence, out);
  out->append("\n");
}

void SseEncoder::End(const absl::Status& status, std::string* out) {
  if (!status.ok()) absl::StrAppend(out, ": ", http::ConnectCodeName(status.code()), "\n\n");
}

// -- Connect --------------------------------------------------------------------------------------

template <typename WriteMember, typename FillMember>
void ConnectEncoder::Message(absl::string_view member, const WriteMember& write,
                             const FillMember& fill, std::string* out) {
  Envelope(
      0,
      [&] {
        if (json_) {
          absl::StrAppend(out, "{\"", member, "\":");
          write();
          out->push_back('}');
        } else {
          message_.Clear();
          fill();
          message_.AppendToString(out);
        }
      },
      out);
}

void ConnectEncoder::Started(uint64_t sequence, std::string* out) {
  Message(
      "started", [&] { WritePositionJson(sequence, feed_.epoch(), out, HeartbeatMs(feed_)); },
      [&] {
        message_.mutable_started()->set_sequence(sequence);
        message_.mutable_started()->set_feed_epoch(feed_.epoch());
        message_.mutable_started()->set_heartbeat_ms(HeartbeatMs(feed_));
      },
      out);
}

void ConnectEncoder::State(const feed::Change& state, std::string* out) {
  Message(
      "state", [&] { WriteChangeJson(state, out); },
      [&] { FillChange(state, message_.mutable_state()); }, out);
}

void ConnectEncoder::Change(const feed::Change& change, std::string* out) {
  Message(
      "change", [&] { WriteChangeJson(change, out); },
      [&] { FillChange(change, message_.mutable_change()); }, out);
}

void ConnectEncoder::Gap(uint64_t missed_after, uint64_t restart_sequence, std::string* out) {
  Message(
      "gap", [&] { WriteGapJson(missed_after, restart_sequence, feed_.epoch(), out); },
      [&] {
        message_.mutable_gap()->set_missed_after(missed_after);
        message_.mutable_gap()->set_restart_sequence(restart_sequence);
        message_.mutable_gap()->set_feed_epoch(feed_.epoch());
      },
      out);
}

void ConnectEncoder::Heartbeat(uint64_t sequence, std::string* out) {
  Message(
      "heartbeat", [&] { WritePositionJson(sequence, feed_.epoch(), out); },
      [&] {
        message_.mutable_heartbeat()->set_sequence(sequence);
        message_.mutable_heartbeat()->set_feed_epoch(feed_.epoch());
      },
      out);
}

void ConnectEncoder::End(const absl::Status& status, std::string* out) {
  Envelope(
      kEndStreamFlag,
      [&] {
        http::JsonWriter w(out);
        w.StartObject();
        if (!status.ok()) {
          w.Key("error");
          w.StartObject();
          w.Key("code");
          w.String(http::ConnectCodeName(status.code()));
          w.Key("message");
          w.String(absl::string_view(status.message().data(), status.message().size()));
          w.EndObject();
        }
        w.EndObject();
      },
      out);
}

}  // namespace session_status::feed
