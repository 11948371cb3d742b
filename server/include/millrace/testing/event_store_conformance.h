// EventStoreConformance: GoogleTest tests of what every EventStore must do, for a store of your own.
//
// Include this header in one source file of a test program, and say how to open your store:
//
//   using millrace::EventStoreConformance;
//   INSTANTIATE_TEST_SUITE_P(MyStore, EventStoreConformance,
//                            ::testing::Values(millrace::StoreUnderTest{
//                                .name = "MyStore",
//                                .open_new = [](std::uint64_t events) { return std::make_shared<MyStore>(events); }}));
//
// Link millrace::server and GTest::gtest_main. examples/own_store.cpp is a store that passes it.
#pragma once

#include "millrace/testing/event_store/entries.h"
#include "millrace/testing/event_store/fixture.h"
#include "millrace/testing/event_store/model.h"
#include "millrace/testing/event_store/publisher_ids.h"
#include "millrace/testing/event_store/topics.h"
