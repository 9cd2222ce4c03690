// RapidJSON's writer, appending to a std::string that the caller keeps and reuses.
//
// Errors: std::bad_alloc; what was appended until then stays.
#ifndef SESSION_STATUS_PLUGIN_HTTP_JSON_WRITER_H_
#define SESSION_STATUS_PLUGIN_HTTP_JSON_WRITER_H_

#include <rapidjson/writer.h>

#include <string>

#include "absl/strings/string_view.h"
#include "plugin/http/json_allocator.h"

namespace session_status::http {

// RapidJSON's output stream concept over a std::string.
class StringOutput {
 public:
  using Ch = char;
  explicit StringOutput(std::string* out) : out_(out) {}
  void Put(char c) { out_->push_back(c); }
  void Flush() {}

 private:
  std::string* out_;
};

using RapidJsonWriter =
    rapidjson::Writer<StringOutput, rapidjson::UTF8<>, rapidjson::UTF8<>, JsonAllocator>;

// Adds absl::string_view to RapidJSON's writer. Threads: one at a time.
class JsonWriter {
 public:
  explicit JsonWriter(std::string* out) : output_(out), writer_(output_) {}
  void StartObject() { writer_.StartObject(); }
  void EndObject() { writer_.EndObject(); }
  void StartArray() { writer_.StartArray(); }
  void EndArray() { writer_.EndArray(); }
  void Key(absl::string_view name) { writer_.Key(name.data(), Length(name)); }
  void String(absl::string_view value) { writer_.String(value.data(), Length(value)); }
  void Bool(bool value) { writer_.Bool(value); }
  void Uint(uint32_t value) { writer_.Uint(value); }
  void Uint64(uint64_t value) { writer_.Uint64(value); }
  void Int64(int64_t value) { writer_.Int64(value); }
  void Double(double value) { writer_.Double(value); }
  void Null() { writer_.Null(); }
  // An object that is JSON already.
  void RawObject(absl::string_view json) {
    writer_.RawValue(json.data(), json.size(), rapidjson::kObjectType);
  }

 private:
  static rapidjson::SizeType Length(absl::string_view s) {
    return static_cast<rapidjson::SizeType>(s.size());
  }
  StringOutput output_;
  RapidJsonWriter writer_;
};

}  // namespace session_status::http

#endif  // SESSION_STATUS_PLUGIN_HTTP_JSON_WRITER_H_
