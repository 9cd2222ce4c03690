#include "plugin/http/error_body.h"

#include <gtest/gtest.h>

namespace session_status::http {
namespace {

// Connect protocol reference, table of error codes.
TEST(ErrorBodyTest, EveryCodeHasItsDocumentedNameAndHttpStatus) {
  struct Row {
    absl::StatusCode code;
    const char* name;
    int status;
  };
  for (const Row& row : {Row{absl::StatusCode::kCancelled, "canceled", 499},
                         {absl::StatusCode::kUnknown, "unknown", 500},
                         {absl::StatusCode::kInvalidArgument, "invalid_argument", 400},
                         {absl::StatusCode::kDeadlineExceeded, "deadline_exceeded", 504},
                         {absl::StatusCode::kNotFound, "not_found", 404},
                         {absl::StatusCode::kAlreadyExists, "already_exists", 409},
                         {absl::StatusCode::kPermissionDenied, "permission_denied", 403},
                         {absl::StatusCode::kResourceExhausted, "resource_exhausted", 429},
                         {absl::StatusCode::kFailedPrecondition, "failed_precondition", 400},
                         {absl::StatusCode::kAborted, "aborted", 409},
                         {absl::StatusCode::kOutOfRange, "out_of_range", 400},
                         {absl::StatusCode::kUnimplemented, "unimplemented", 501},
                         {absl::StatusCode::kInternal, "internal", 500},
                         {absl::StatusCode::kUnavailable, "unavailable", 503},
                         {absl::StatusCode::kDataLoss, "data_loss", 500},
                         {absl::StatusCode::kUnauthenticated, "unauthenticated", 401}}) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(ConnectCodeName(row.code), row.name);
    EXPECT_EQ(ConnectHttpStatus(row.code), row.status);
  }
}

TEST(ErrorBodyTest, TheBodyIsJsonWhateverTheMessageHolds) {
  Reply reply;
  reply.body = "left over";
  SetError(absl::InvalidArgumentError("a \"quote\"\nand a line"), &reply);
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.content_type, "application/json");
  EXPECT_EQ(reply.body, R"({"code":"invalid_argument","message":"a \"quote\"\nand a line"})");
}

TEST(ErrorBodyTest, AStatusOfTheHttpLayerGetsTheNearestCode) {
  struct Row {
    int status;
    const char* name;
  };
  for (const Row& row : {Row{400, "invalid_argument"},
                         {401, "unauthenticated"},
                         {403, "permission_denied"},
                         {404, "not_found"},
                         {405, "unimplemented"},
                         {408, "deadline_exceeded"},
                         {413, "resource_exhausted"},
                         {414, "resource_exhausted"},
                         {417, "invalid_argument"},
                         {429, "resource_exhausted"},
                         {431, "resource_exhausted"},
                         {500, "internal"},
                         {501, "unimplemented"},
                         {503, "unavailable"},
                         {505, "internal"}}) {
    EXPECT_EQ(ConnectCodeName(ConnectCodeForHttpStatus(row.status)), row.name) << row.status;
  }
}

}  // namespace
}  // namespace session_status::http
