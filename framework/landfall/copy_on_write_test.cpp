#include "landfall/copy_on_write.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace landfall {
namespace {

TEST(CopyOnWrite, CopiesAreOneUntilOneIsChanged) {
    CopyOnWrite<std::string> a("one");
    auto b = a;
    EXPECT_EQ(&*a, &*b);
    b.own() += "more";
    EXPECT_EQ(*a, "one");
    EXPECT_EQ(*b, "onemore");
}

TEST(CopyOnWrite, WhatNobodySharesIsChangedInPlace) {
    CopyOnWrite<std::string> a("one");
    const auto* before = &*a;
    std::vector<CopyOnWrite<std::string>>(3, a).clear();
    a.own() = "two";
    EXPECT_EQ(&*a, before);
}

TEST(CopyOnWrite, EqualIsWhatHoldsTheSame) {
    const CopyOnWrite<std::string> a("one"), b("one"), c("two");
    EXPECT_EQ(a, CopyOnWrite(a));
    EXPECT_EQ(a, b);
    EXPECT_FALSE(a == c);
}

TEST(CopyOnWrite, AssigningToItselfKeepsTheValue) {
    CopyOnWrite<std::string> a("one");
    auto& same = a;
    a = same;
    EXPECT_EQ(*a, "one");
}

}  // namespace
}  // namespace landfall
