// The checks, by the name that ctest and orders.txt know them by. Each is as small as what it has
// to show allows.
#ifndef SESSION_STATUS_TESTS_REGISTRY_ORDERS_CHECKS_H_
#define SESSION_STATUS_TESTS_REGISTRY_ORDERS_CHECKS_H_

#include <memory>

#include "tests/registry/orders/simulator.h"

namespace session_status::orders {

struct NamedCheck {
  const char* name;
  std::unique_ptr<Check> (*make)();
  Search search;  // what finds every weakening that orders.txt calls found, and then some
};

// epochs.cc
std::unique_ptr<Check> MakeEpochs();      // answers of one session beside two cuts
std::unique_ptr<Check> MakeReusedCuts();  // what is remembered of a cut whose entry is reused
// slots.cc
std::unique_ptr<Check> MakeSlots();      // look-ups beside the reuse of a slot
std::unique_ptr<Check> MakeDetails();    // details beside events of the same session
std::unique_ptr<Check> MakeForgotten();  // batches beside the forgetting of a session
// splits.cc
std::unique_ptr<Check> MakeSplits();  // a look-up beside splits and doublings
std::unique_ptr<Check> MakeWalks();   // a step of a walk beside them
// losses.cc
std::unique_ptr<Check> MakeLosses();      // batches with grace
std::unique_ptr<Check> MakeLossesRing();  // the same where the log is too short
// rings.cc
std::unique_ptr<Check> MakeRing();  // followers of the change ring, one of them overrun

inline const NamedCheck kChecks[] = {
    {"epochs", MakeEpochs, {1, 150'000}},
    {"reused_cuts", MakeReusedCuts, {1, 10'000}},
    {"slots", MakeSlots, {1, 10'000}},
    {"details", MakeDetails, {0, 4'000}},
    {"forgotten", MakeForgotten, {0, 10'000}},
    {"splits", MakeSplits, {1, 0}},
    {"walks", MakeWalks, {0, 2'000}},
    {"losses", MakeLosses, {0, 5'000}},
    {"losses_ring", MakeLossesRing, {0, 5'000}},
    {"ring", MakeRing, {0, 2'000}},
};

}  // namespace session_status::orders

#endif  // SESSION_STATUS_TESTS_REGISTRY_ORDERS_CHECKS_H_
