// A JSON document as a tree that knows where everything stood, so that an operator who made a
// mistake is told the line and the column. RapidJSON does the parsing.
//
// Threads:   values; any.
// Errors:    a Status for what an operator reads. It never quotes the text of the document: the
//            access file holds secrets.
#ifndef SESSION_STATUS_PLUGIN_AUTH_JSON_TREE_H_
#define SESSION_STATUS_PLUGIN_AUTH_JSON_TREE_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace session_status::auth {

// For whoever reads that `name` is not one of `known`: the one that was probably meant, or all of
// them when none is near. "did you mean \"Effect\"?", "known are Version, Statement".
std::string NameHint(absl::string_view name, const std::vector<absl::string_view>& known);

struct JsonNode {
  enum class Kind { kNull, kBool, kNumber, kString, kArray, kObject };
  Kind kind = Kind::kNull;
  bool boolean = false;
  double number = 0;
  std::string text;                                   // kString
  std::vector<JsonNode> elements;                     // kArray, and the values of kObject
  std::vector<std::pair<std::string, size_t>> names;  // kObject: name and its offset, by element
  size_t offset = 0;                                  // of the first byte in the document

  ~JsonNode();
  JsonNode() = default;
  JsonNode(JsonNode&&) = default;
  JsonNode& operator=(JsonNode&&) = default;
  JsonNode(const JsonNode&) = default;
  JsonNode& operator=(const JsonNode&) = default;

  // The value of a member; nullptr when there is none.
  const JsonNode* Find(absl::string_view name) const;
};

class JsonDocument {
 public:
  static constexpr size_t kDepthMax = 32;  // an access file is nine deep

  // Refuses what is not JSON, not UTF-8, too deep, or names one member twice. A byte-order mark at
  // the beginning counts for nothing, in columns neither.
  static absl::StatusOr<JsonDocument> Parse(absl::string_view text);

  const JsonNode& root() const { return root_; }

  // InvalidArgument, "line 3, column 14: <message>".
  absl::Status ErrorAt(size_t offset, absl::string_view message) const;
  absl::Status ErrorAt(const JsonNode& node, absl::string_view message) const {
    return ErrorAt(node.offset, message);
  }

  // OK when every member of the object `node` is one of `known`; else an error that says which is
  // not and which known name is near.
  absl::Status CheckNames(const JsonNode& node, absl::string_view what,
                          const std::vector<absl::string_view>& known) const;

 private:
  JsonNode root_;
  std::vector<size_t> line_starts_;
};

}  // namespace session_status::auth

#endif  // SESSION_STATUS_PLUGIN_AUTH_JSON_TREE_H_
