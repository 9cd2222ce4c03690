// Memory that runs out in the thread that reads stored history.
#include <gtest/gtest.h>

#include "plugin/stored_history.h"
#include "tests/plugin/failing_memory.h"
#include "tests/store/store_folder.h"

namespace session_status {
namespace {

using testing::FailingMemory;

class StoredHistoryMemoryTest : public store::StoreFolder {};

TEST_F(StoredHistoryMemoryTest, AnswersWithAnErrorAndGoesOn) {
  store::BrokerLife life = Live();
  for (int i = 0; i < 20; ++i) life.Connect("lamp");
  life.Flush();
  StoredHistory history(*life.store, path_);
  ASSERT_TRUE(history.Start(0).ok());
  api::pb::GetHistoryRequest request;
  request.set_client_id("lamp");
  request.set_stored(true);
  int refused = 0;
  for (uint64_t nth = 1; nth == 1 || FailingMemory::failed() > 0; ++nth) {
    api::pb::GetHistoryResponse reply;
    const FailingMemory failing(nth, 3, "status-history");
    const absl::Status status = history.GetStoredHistory(request, &reply);
    FailingMemory::End();
    if (status.ok()) {
      ASSERT_EQ(reply.entries_size(), 20);
    } else {
      ASSERT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
      ++refused;
    }
  }
  EXPECT_GT(refused, 10);
}

}  // namespace
}  // namespace session_status
