#include "plugin/openapi/operation.h"

#include <algorithm>
#include <iterator>

namespace session_status::openapi {
namespace {

constexpr OperationRow kOperations[] = {
    {Operation::kBatchQuery,
     "BatchQuerySessionByClientIds",
     {"mq:BatchQuerySessionByClientIds", ""},
     "BatchQuerySessionByClientIdsResponse"},
    {Operation::kQuery,
     "QuerySessionByClientId",
     {kInstanceAccessAction, "mq:QuerySessionByClientId"},
     "QuerySessionByClientIdResponse"},
};
static_assert(std::size(kOperations) == static_cast<size_t>(Operation::kCount));

// In byte order.
constexpr absl::string_view kOthers[] = {
    "ActiveCaCertificate",
    "ActiveDeviceCertificate",
    "AddCustomAuthConnectBlack",
    "AddCustomAuthIdentity",
    "AddCustomAuthPermission",
    "ApplyToken",
    "CloseConnection",
    "CreateGroupId",
    "DeleteCaCertificate",
    "DeleteCustomAuthConnectBlack",
    "DeleteCustomAuthIdentity",
    "DeleteCustomAuthPermission",
    "DeleteDeviceCertificate",
    "DeleteGroupId",
    "DisasterDowngrade",
    "DisasterRecovery",
    "GetCaCertificate",
    "GetDeviceCertificate",
    "GetDeviceCredential",
    "GetRegisterCode",
    "InactivateCaCertificate",
    "InactivateDeviceCertificate",
    "ListCaCertificate",
    "ListDeviceCertificate",
    "ListDeviceCertificateByCaSn",
    "ListDeviceCredentialClientId",
    "ListGroupId",
    "ListInstances",
    "ListTagResources",
    "QueryCustomAuthConnectBlack",
    "QueryCustomAuthIdentity",
    "QueryCustomAuthPermission",
    "QueryMqttTraceDevice",
    "QueryMqttTraceMessageOfClient",
    "QueryMqttTraceMessagePublish",
    "QueryMqttTraceMessageSubscribe",
    "QueryToken",
    "RefreshDeviceCredential",
    "RegisterCaCertificate",
    "RegisterDeviceCredential",
    "RevokeToken",
    "SendMessage",
    "SetSniConfig",
    "TagResources",
    "UnRegisterDeviceCredential",
    "UntagResources",
    "UpdateCustomAuthIdentity",
    "UpdateCustomAuthPermission",
};

constexpr bool InByteOrder() {
  for (size_t i = 1; i < std::size(kOthers); ++i) {
    if (!(kOthers[i - 1] < kOthers[i])) return false;
  }
  return true;
}
static_assert(InByteOrder(), "IsOtherProductOperation searches by halves");

constexpr absl::string_view kVersions[] = {"2020-04-20", "2019-12-11"};

}  // namespace

absl::Span<const OperationRow> OperationTable() { return kOperations; }

const OperationRow& RowOf(Operation operation) {
  return kOperations[static_cast<size_t>(operation)];
}

const OperationRow* FindOperation(absl::string_view name) {
  for (const OperationRow& row : kOperations) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

bool IsOtherProductOperation(absl::string_view name) {
  return std::binary_search(std::begin(kOthers), std::end(kOthers), name);
}

absl::Span<const absl::string_view> VersionTable() { return kVersions; }

bool IsKnownVersion(absl::string_view version) {
  return std::find(std::begin(kVersions), std::end(kVersions), version) != std::end(kVersions);
}

}  // namespace session_status::openapi
