#include "plugin/fleet/layout.h"

#include <array>
#include <boost/endian/conversion.hpp>

#include "absl/strings/str_cat.h"

namespace session_status::fleet {
namespace {

constexpr size_t kRowBytes = 14;     // epoch, node, generation; more may follow
constexpr size_t kHeaderBytes = 11;  // type, node, generation, number

// Big-endian: what the server-side functions unpack.
template <typename T>
std::string Store(T value) {
  std::array<unsigned char, sizeof(T)> bytes;
  boost::endian::endian_store<T, sizeof(T), boost::endian::order::big>(bytes.data(), value);
  return std::string(bytes.begin(), bytes.end());
}
template <typename T>
T Load(absl::string_view bytes) {
  return boost::endian::endian_load<T, sizeof(T), boost::endian::order::big>(
      reinterpret_cast<const unsigned char*>(bytes.data()));
}

}  // namespace

// The braces keep all keys of one shard, and all keys about nodes, in one slot of a cluster.
std::string KeyNames::Meta() const { return absl::StrCat("ms:{", fleet_, "}:meta"); }
std::string KeyNames::Nodes() const { return absl::StrCat("ms:{", fleet_, "}:nodes"); }
std::string KeyNames::Lease(NodeNumber node) const {
  return absl::StrCat("ms:{", fleet_, "}:lease:", node);
}
std::string KeyNames::EngineMark() const { return absl::StrCat("ms:{", fleet_, "}:engine"); }
std::string KeyNames::EngineVouchedFor(size_t i) const {
  return absl::StrCat("ms:{", fleet_, "}:engine:", i + 1);
}
std::string KeyNames::Owners(uint32_t shard) const {
  return absl::StrCat("ms:{", fleet_, ".s", shard, "}:o");
}
std::string KeyNames::Changes(uint32_t shard) const {
  return absl::StrCat("ms:{", fleet_, ".s", shard, "}:d");
}
std::string KeyNames::Bucket(uint32_t shard, uint32_t bucket) const {
  return absl::StrCat("ms:{", fleet_, ".s", shard, "}:", bucket);
}

std::string EncodeNode(NodeNumber node) { return Store(node); }
std::string EncodeGeneration(Generation generation) { return Store(generation); }
NodeNumber DecodeNode(absl::string_view bytes) { return Load<NodeNumber>(bytes); }
Generation DecodeGeneration(absl::string_view bytes) { return Load<Generation>(bytes); }
Epoch DecodeEpoch(absl::string_view bytes) { return Load<Epoch>(bytes); }

void AppendEvent(const Event& event, std::string* out) {
  out->push_back(static_cast<char>(event.kind));
  out->append(event.hash.bytes.data(), event.hash.bytes.size());
  out->append(Store(event.epoch));
  out->push_back(static_cast<char>(event.reason));
}

std::optional<Row> DecodeRow(absl::string_view value) {
  if (value.size() < kRowBytes) return std::nullopt;
  return Row{DecodeEpoch(value), DecodeNode(value.substr(8)), DecodeGeneration(value.substr(10))};
}

std::vector<Generation> DecodeGenerations(absl::string_view bytes) {
  std::vector<Generation> out;
  for (; bytes.size() >= 4; bytes.remove_prefix(4)) out.push_back(DecodeGeneration(bytes));
  return out;
}

std::optional<Entry> DecodeEntry(absl::string_view bytes) {
  if (bytes.size() < kHeaderBytes) return std::nullopt;
  Entry entry;
  entry.kind = static_cast<Entry::Kind>(bytes[0]);
  entry.node = DecodeNode(bytes.substr(1));
  entry.generation = DecodeGeneration(bytes.substr(3));
  entry.number = DecodeGeneration(bytes.substr(7));
  bytes.remove_prefix(kHeaderBytes);
  if (entry.kind == Entry::Kind::kBegin) entry.older = DecodeGenerations(bytes);
  if (entry.kind != Entry::Kind::kApplied) return entry;
  entry.events.reserve(bytes.size() / kEventBytes);
  for (; bytes.size() >= kEventBytes; bytes.remove_prefix(kEventBytes)) {
    Event event;
    event.kind = static_cast<Event::Kind>(bytes[0]);
    event.hash = ClientHash::From(bytes.substr(1, 16));
    event.epoch = DecodeEpoch(bytes.substr(17));
    const auto reason = static_cast<unsigned char>(bytes[25]);
    event.reason = reason < registry::kEndReasonCount ? static_cast<registry::EndReason>(reason)
                                                      : registry::EndReason::kUnknown;
    entry.events.push_back(event);
  }
  return entry;
}

}  // namespace session_status::fleet
