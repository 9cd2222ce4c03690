#include "plugin/openapi/operation_input.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "plugin/openapi/instance_map.h"
#include "registry/session_event.h"

namespace session_status::openapi {
namespace {

static_assert(kInstanceIdBytesMax == auth::AccessFile::kNameBytesMax,
              "an instance that an account can own can be asked for");

constexpr absl::string_view kListPrefix = "ClientIdList.";

// The dot tells nearly all others apart.
bool IsListMember(absl::string_view name) {
  constexpr size_t kDot = kListPrefix.size() - 1;
  return name.size() > kDot && name[kDot] == '.' && absl::StartsWith(name, kListPrefix);
}

// "0" to "<max>", without sign or leading zero.
bool ReadIndex(absl::string_view text, size_t max, size_t* index) {
  if (text.empty() || text.size() > 9 || (text.size() > 1 && text[0] == '0')) return false;
  size_t value = 0;
  for (const char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return false;
    value = 10 * value + static_cast<size_t>(c - '0');
  }
  *index = value;
  return value <= max;
}

bool IsClientId(const InputRules& rules, absl::string_view client_id) {
  if (client_id.empty() || client_id.size() > registry::kClientIdBytesMax) return false;
  return !rules.strict_client_ids || IsDocumentedClientId(client_id);
}

Check ReadList(const InputRules& rules, Call* call) {
  absl::InlinedVector<std::pair<size_t, absl::string_view>, 16> numbered;
  bool valid = true;
  for (const auth::Parameter& parameter : call->work.parameters.sorted()) {
    if (!IsListMember(parameter.name)) continue;
    size_t index = 0;
    valid = valid &&
            ReadIndex(parameter.name.substr(kListPrefix.size()), rules.batch_ids_max, &index) &&
            IsClientId(rules, parameter.value);
    numbered.emplace_back(index, parameter.value);
  }
  if (numbered.empty() || numbered.size() > rules.batch_ids_max) {
    return ApiError(ErrorCode::kParameterCheckFailed);
  }
  if (!valid) return ApiError(ErrorCode::kInvalidParameter, "ClientIdList");
  // By number, not by name: ".10" sorts before ".2".
  std::sort(numbered.begin(), numbered.end());
  for (const auto& [index, client_id] : numbered) call->client_ids.push_back(client_id);
  return absl::nullopt;
}

Check ReadOne(const InputRules& rules, Call* call) {
  const absl::string_view* client_id = call->Parameter(Known::kClientId);
  if (client_id == nullptr) return ApiError(ErrorCode::kMissingParameter, "ClientId");
  if (!IsClientId(rules, *client_id)) return ApiError(ErrorCode::kInvalidParameter, "ClientId");
  call->client_ids.push_back(*client_id);
  return absl::nullopt;
}

bool IsNamePart(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
  });
}

}  // namespace

Check ReadInput(const InputRules& rules, Call* call) {
  const absl::string_view* instance_id = call->Parameter(Known::kInstanceId);
  if (instance_id == nullptr) return ApiError(ErrorCode::kMissingParameter, "InstanceId");
  if (instance_id->empty() || instance_id->size() > kInstanceIdBytesMax) {
    return ApiError(ErrorCode::kInvalidParameter, "InstanceId");
  }
  call->instance_id = *instance_id;
  return call->operation->operation == Operation::kBatchQuery ? ReadList(rules, call)
                                                              : ReadOne(rules, call);
}

bool IsDocumentedClientId(absl::string_view client_id) {
  constexpr size_t kCharactersMax = 64;
  constexpr size_t kGroupMin = 7;
  const size_t at = client_id.find("@@@");
  if (client_id.size() > kCharactersMax || at == absl::string_view::npos) return false;
  const absl::string_view group = client_id.substr(0, at);
  const bool group_prefix = absl::StartsWith(group, "GID_") || absl::StartsWith(group, "GID-");
  return group_prefix && group.size() >= kGroupMin && IsNamePart(group) &&
         IsNamePart(client_id.substr(at + 3));
}

}  // namespace session_status::openapi
