// The operations of the documented product: the two that this server answers, and the names of the
// others, which it knows but does not support.
#ifndef SESSION_STATUS_PLUGIN_OPENAPI_OPERATION_H_
#define SESSION_STATUS_PLUGIN_OPENAPI_OPERATION_H_

#include <array>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace session_status::openapi {

enum class Operation : uint8_t { kBatchQuery, kQuery, kCount };

struct OperationRow {
  Operation operation;
  absl::string_view name;  // case-sensitive
  // Names of the RAM action that guards it; the second is a synonym, or empty.
  std::array<absl::string_view, 2> actions;
  absl::string_view response_element;  // root of its XML reply
};

absl::Span<const OperationRow> OperationTable();
const OperationRow& RowOf(Operation operation);

// nullptr when it is not one that this server answers.
const OperationRow* FindOperation(absl::string_view name);

// An operation of the product that this server does not implement.
bool IsOtherProductOperation(absl::string_view name);

// The versions of the API that are answered, the newest first.
absl::Span<const absl::string_view> VersionTable();
bool IsKnownVersion(absl::string_view version);

// The action without which an account's user cannot see an instance at all.
inline constexpr absl::string_view kInstanceAccessAction = "mq:MqttInstanceAccess";

}  // namespace session_status::openapi

#endif  // SESSION_STATUS_PLUGIN_OPENAPI_OPERATION_H_
