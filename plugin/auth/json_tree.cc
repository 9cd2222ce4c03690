#include "plugin/auth/json_tree.h"

#include <openssl/crypto.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "plugin/http/json_allocator.h"
#include "plugin/http/lone_surrogate.h"
#include "plugin/text/near_word.h"

namespace session_status::auth {
namespace {

constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Builds the tree from the reader's calls. Between two tokens stand only white space, ',' and ':',
// so a token begins at the first other byte after the end of the one before. The reader calls for
// a string or a number when it has passed it, for a bracket just before.
class TreeBuilder {
 public:
  TreeBuilder(absl::string_view text, const rapidjson::MemoryStream& stream, JsonNode* root)
      : text_(text), stream_(stream), root_(root) {}

  bool Null() { return Add(JsonNode::Kind::kNull) != nullptr; }
  bool Bool(bool value) {
    JsonNode* node = Add(JsonNode::Kind::kBool);
    if (node != nullptr) node->boolean = value;
    return node != nullptr;
  }
  bool Int(int value) { return Double(value); }
  bool Uint(unsigned value) { return Double(value); }
  bool Int64(int64_t value) { return Double(static_cast<double>(value)); }
  bool Uint64(uint64_t value) { return Double(static_cast<double>(value)); }
  bool Double(double value) {
    JsonNode* node = Add(JsonNode::Kind::kNumber);
    if (node != nullptr) node->number = value;
    return node != nullptr;
  }
  bool RawNumber(const char*, rapidjson::SizeType, bool) { return false; }  // not asked for
  bool String(const char* text, rapidjson::SizeType size, bool) {
    JsonNode* node = Add(JsonNode::Kind::kString);
    if (node != nullptr) node->text.assign(text, size);
    return node != nullptr;
  }
  bool StartObject() { return Open(JsonNode::Kind::kObject); }
  bool StartArray() { return Open(JsonNode::Kind::kArray); }
  bool EndObject(rapidjson::SizeType) { return Close(); }
  bool EndArray(rapidjson::SizeType) { return Close(); }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    const size_t offset = TokenStart();
    const absl::string_view name(text, size);
    if (open_.back()->Find(name) != nullptr) {
      return Fail(offset, "this member is here twice");
    }
    open_.back()->names.emplace_back(std::string(name), offset);
    return true;
  }

  absl::string_view failure() const { return failure_; }
  size_t failure_offset() const { return failure_offset_; }

 private:
  size_t TokenStart() {
    size_t start = token_end_;
    while (start < text_.size() && (absl::ascii_isspace(static_cast<unsigned char>(text_[start])) ||
                                    text_[start] == ',' || text_[start] == ':')) {
      ++start;
    }
    token_end_ = stream_.Tell();
    return start;
  }

  JsonNode* Add(JsonNode::Kind kind) {
    JsonNode* node = root_;
    if (!open_.empty()) {
      open_.back()->elements.emplace_back();
      node = &open_.back()->elements.back();
    }
    node->kind = kind;
    node->offset = TokenStart();
    return node;
  }

  bool Open(JsonNode::Kind kind) {
    JsonNode* node = Add(kind);
    if (open_.size() == JsonDocument::kDepthMax) return Fail(node->offset, "nested too deep");
    token_end_ = node->offset + 1;
    // Stays valid: its parent gets no further element before this one is closed.
    open_.push_back(node);
    return true;
  }

  bool Close() {
    token_end_ = TokenStart() + 1;
    open_.pop_back();
    return true;
  }

  bool Fail(size_t offset, absl::string_view failure) {
    failure_offset_ = offset;
    failure_ = failure;
    return false;
  }

  const absl::string_view text_;
  const rapidjson::MemoryStream& stream_;
  JsonNode* const root_;
  std::vector<JsonNode*> open_;
  size_t token_end_ = 0;
  absl::string_view failure_;
  size_t failure_offset_ = 0;
};

}  // namespace

std::string NameHint(absl::string_view name, const std::vector<absl::string_view>& known) {
  const std::string nearest = text::Nearest(name, known);
  return nearest.empty() ? absl::StrCat("known are ", absl::StrJoin(known, ", "))
                         : absl::StrCat("did you mean \"", nearest, "\"?");
}

// The tree may hold secrets: no copy of them is left in freed memory.
JsonNode::~JsonNode() { OPENSSL_cleanse(text.data(), text.size()); }

const JsonNode* JsonNode::Find(absl::string_view name) const {
  for (size_t i = 0; i < names.size() && i < elements.size(); ++i) {
    if (names[i].first == name) return &elements[i];
  }
  return nullptr;
}

absl::StatusOr<JsonDocument> JsonDocument::Parse(absl::string_view text) {
  // Some editors begin every file with it, and show it nowhere. RFC 8259 lets a parser ignore it.
  absl::ConsumePrefix(&text, kByteOrderMark);
  JsonDocument document;
  document.line_starts_.push_back(0);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') document.line_starts_.push_back(i + 1);
  }
  rapidjson::MemoryStream stream(text.data(), text.size());
  TreeBuilder builder(text, stream, &document.root_);
  http::JsonReader reader;
  constexpr unsigned kFlags =
      rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
  const rapidjson::ParseResult result = reader.Parse<kFlags>(stream, builder);
  if (!builder.failure().empty()) {
    return document.ErrorAt(builder.failure_offset(), builder.failure());
  }
  if (result.IsError()) {
    return document.ErrorAt(result.Offset(), rapidjson::GetParseError_En(result.Code()));
  }
  if (const size_t at = http::FindLoneSurrogate(text); at != absl::string_view::npos) {
    return document.ErrorAt(at, http::kLoneSurrogate);
  }
  return document;
}

absl::Status JsonDocument::ErrorAt(size_t offset, absl::string_view message) const {
  const auto next = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
  const size_t line = static_cast<size_t>(next - line_starts_.begin());
  const size_t column = offset - line_starts_[line - 1] + 1;
  return absl::InvalidArgumentError(
      absl::StrCat("line ", line, ", column ", column, ": ", message));
}

absl::Status JsonDocument::CheckNames(const JsonNode& node, absl::string_view what,
                                      const std::vector<absl::string_view>& known) const {
  for (const auto& [name, offset] : node.names) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    return ErrorAt(offset, absl::StrCat("unknown member in ", what, "; ", NameHint(name, known)));
  }
  return absl::OkStatus();
}

}  // namespace session_status::auth
