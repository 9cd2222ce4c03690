#include "plugin/openapi/reply_writer.h"

#include <new>
#include <pugixml.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "plugin/http/json_string.h"
#include "plugin/http/json_writer.h"
#include "plugin/text/text_room.h"

namespace session_status::openapi {
namespace {

class StringXmlWriter : public pugi::xml_writer {
 public:
  explicit StringXmlWriter(std::string* out) : out_(out) {}
  void write(const void* data, size_t size) override {
    out_->append(static_cast<const char*>(data), size);
  }

 private:
  std::string* out_;
};

// XML 1.0 has no way to write most control characters, U+FFFE and U+FFFF; client identifiers that
// are asked for may hold them. A carriage return it has, but a parser reads one as a line feed.
std::string XmlText(absl::string_view text) {
  std::string clean(text);
  for (char& c : clean) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 && c != '\t' && c != '\n') c = '?';
  }
  if (absl::StrContains(clean, "\xEF\xBF")) {
    absl::StrReplaceAll({{"\xEF\xBF\xBE", "?"}, {"\xEF\xBF\xBF", "?"}}, &clean);
  }
  return clean;
}

// pugixml throws nothing: without memory a node is null, or has no name or value, and what
// is asked of a null node fails.
void Need(bool made) {
  if (!made) throw std::bad_alloc();
}

pugi::xml_node AddElement(pugi::xml_node parent, const char* name) {
  pugi::xml_node element = parent.append_child(pugi::node_element);
  Need(element.set_name(name));
  return element;
}

void AddAttribute(pugi::xml_node node, const char* name, const char* value) {
  pugi::xml_attribute attribute = node.append_attribute(name);
  Need(attribute.set_name(name) && attribute.set_value(value));
}

void AddText(pugi::xml_node parent, const char* name, absl::string_view text) {
  pugi::xml_node content = AddElement(parent, name).append_child(pugi::node_pcdata);
  Need(content.set_value(XmlText(text).c_str()));
}

void AddText(pugi::xml_node parent, const char* name, bool value) {
  AddText(parent, name, absl::string_view(value ? "true" : "false"));
}

void WriteXml(const pugi::xml_document& document, std::string* out) {
  StringXmlWriter writer(out);
  document.save(writer, "", pugi::format_raw, pugi::encoding_utf8);
}

pugi::xml_node Root(pugi::xml_document* document, absl::string_view name) {
  pugi::xml_node declaration = document->append_child(pugi::node_declaration);
  Need(declaration.set_name("xml"));
  AddAttribute(declaration, "version", "1.0");
  AddAttribute(declaration, "encoding", "UTF-8");
  return AddElement(*document, std::string(name).c_str());
}

void Member(http::JsonWriter* json, absl::string_view name, absl::string_view value) {
  json->Key(name);
  json->String(value);
}

// What stands around one identifier of a batch, at most.
constexpr absl::string_view kOnline = "{\"OnlineStatus\":true,\"ClientId\":";
constexpr absl::string_view kOffline = "{\"OnlineStatus\":false,\"ClientId\":";
constexpr size_t kItemBytes = kOffline.size() + sizeof("\"\"},");
// Everything else, with the request id.
constexpr size_t kFrameBytes = 128;

void WriteBatchJson(ListShape shape, absl::string_view request_id,
                    absl::Span<const absl::string_view> client_ids, absl::Span<const bool> online,
                    std::string* out) {
  size_t bytes = kFrameBytes + client_ids.size() * kItemBytes;
  for (const absl::string_view client_id : client_ids) bytes += client_id.size();
  text::TextRoom room(bytes, out);
  room.Add("{\"RequestId\":");
  http::AddJsonString(request_id, &room);
  room.Add(shape == ListShape::kNested ? ",\"OnlineStatusList\":{\"OnlineStatusListItem\":["
                                       : ",\"OnlineStatusList\":[");
  for (size_t i = 0; i < client_ids.size(); ++i) {
    if (i != 0) room.Add(',');
    room.Add(online[i] ? kOnline : kOffline);
    http::AddJsonString(client_ids[i], &room);
    room.Add('}');
  }
  room.Add(shape == ListShape::kNested ? "]}}" : "]}");
}

}  // namespace

void WriteBatchReply(Format format, ListShape shape, absl::string_view request_id,
                     absl::Span<const absl::string_view> client_ids, absl::Span<const bool> online,
                     std::string* out) {
  if (format == Format::kJson) {
    return WriteBatchJson(shape, request_id, client_ids, online, out);
  }
  pugi::xml_document document;
  pugi::xml_node root = Root(&document, RowOf(Operation::kBatchQuery).response_element);
  AddText(root, "RequestId", request_id);
  for (size_t i = 0; i < client_ids.size(); ++i) {
    pugi::xml_node item = AddElement(root, "OnlineStatusList");
    AddText(item, "OnlineStatus", online[i]);
    AddText(item, "ClientId", client_ids[i]);
  }
  WriteXml(document, out);
}

void WriteQueryReply(Format format, absl::string_view request_id, bool online, std::string* out) {
  if (format == Format::kJson) {
    text::TextRoom room(kFrameBytes, out);
    room.Add("{\"RequestId\":");
    http::AddJsonString(request_id, &room);
    room.Add(online ? ",\"OnlineStatus\":true}" : ",\"OnlineStatus\":false}");
    return;
  }
  pugi::xml_document document;
  pugi::xml_node root = Root(&document, RowOf(Operation::kQuery).response_element);
  AddText(root, "RequestId", request_id);
  AddText(root, "OnlineStatus", online);
  WriteXml(document, out);
}

void WriteError(Format format, absl::string_view request_id, absl::string_view host_id,
                const ApiError& error, absl::string_view recommend, std::string* out) {
  if (format == Format::kJson) {
    http::JsonWriter json(out);
    json.StartObject();
    Member(&json, "RequestId", request_id);
    Member(&json, "HostId", host_id);
    Member(&json, "Code", error.Name());
    Member(&json, "Message", error.Message());
    if (!recommend.empty()) Member(&json, "Recommend", recommend);
    if (!error.access_denied.empty()) {
      json.Key("AccessDeniedDetail");
      json.StartObject();
      for (const auto& [name, value] : error.access_denied) Member(&json, name, value);
      json.EndObject();
    }
    json.EndObject();
    return;
  }
  pugi::xml_document document;
  pugi::xml_node root = Root(&document, "Error");
  AddText(root, "RequestId", request_id);
  AddText(root, "HostId", host_id);
  AddText(root, "Code", error.Name());
  AddText(root, "Message", error.Message());
  if (!recommend.empty()) AddText(root, "Recommend", recommend);
  if (!error.access_denied.empty()) {
    pugi::xml_node detail = AddElement(root, "AccessDeniedDetail");
    for (const auto& [name, value] : error.access_denied) {
      AddText(detail, std::string(name).c_str(), value);
    }
  }
  WriteXml(document, out);
}

}  // namespace session_status::openapi
