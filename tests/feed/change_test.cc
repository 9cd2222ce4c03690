#include "plugin/feed/change.h"

#include "tests/feed/feed_fixture.h"

namespace session_status::feed {
namespace {

using ChangeTest = FeedTest;

TEST_F(ChangeTest, AStateTellsSinceWhenItLasts) {
  Connect("online");
  Connect("kept");
  Connect("offline");
  End("kept", /*kept=*/true);
  End("offline");
  struct Case {
    const char* client_id;
    registry::SessionState state;
    int64_t since_ms;
  };
  const int64_t connected_ms = absl::ToUnixMillis(kStart) + 1;
  const int64_t ended_ms = absl::ToUnixMillis(kStart + absl::Seconds(9));
  for (const Case& c : {Case{"online", registry::SessionState::kOnline, connected_ms},
                        Case{"kept", registry::SessionState::kOfflineSessionKept, ended_ms},
                        Case{"offline", registry::SessionState::kOffline, ended_ms},
                        Case{"nobody", registry::SessionState::kUnknown, 0}}) {
    SCOPED_TRACE(c.client_id);
    registry::SessionDetails details;
    registry_.FindDetails(c.client_id, &details);
    const Change state = MakeState(c.client_id, details, /*sequence=*/5);
    EXPECT_EQ(state.after, c.state);
    EXPECT_EQ(state.time_ms, c.since_ms);
    EXPECT_EQ(state.sequence, 5u);
  }
}

}  // namespace
}  // namespace session_status::feed
