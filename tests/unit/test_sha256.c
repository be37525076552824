/* SPDX-License-Identifier: MIT */
/* SHA-256 against NIST's examples and against hashes that Python's hashlib made. */
#include "unit.h"

#include "page.h"
#include "value/sha256.h"

static const char *hex_of(tkr_sha256 *hash)
{
    static char text[2 * TKR_SHA256_SIZE + 1];
    unsigned char digest[TKR_SHA256_SIZE];
    tkr_sha256_end(hash, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return text;
}

static const char *hash_of(const void *bytes, size_t len)
{
    tkr_sha256 hash;
    tkr_sha256_begin(&hash);
    tkr_sha256_add(&hash, bytes, len);
    return hex_of(&hash);
}

static const struct {
    const char *text, *hash;
} examples[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
     "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
};

static void test_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(examples); i++)
        assert_string_equal(hash_of(examples[i].text, strlen(examples[i].text)), examples[i].hash);
    assert_string_equal(hash_of(NULL, 0), examples[0].hash);
}

static void test_a_million(void **state)
{
    static char chunk[997];
    tkr_sha256 hash;
    (void)state;
    memset(chunk, 'a', sizeof chunk);
    tkr_sha256_begin(&hash);
    for (size_t left = 1000000, n; left > 0; left -= n) {
        n = left < sizeof chunk ? left : sizeof chunk;
        tkr_sha256_add(&hash, chunk, n);
    }
    assert_string_equal(hex_of(&hash), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* Byte i is 7 i + 1. */
static unsigned char pattern[200];

static const struct {
    size_t len;
    const char *hash;
} lengths[] = {
    {0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {1, "4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a"},
    {54, "5556be1c204be4be0266d24d065b006343ecd327c0adbc0c98db3a359eb7a9b6"},
    {55, "16fa57a0a3423a715d594516339f36189d6b5f93754a9714fef202616a9fabfe"},
    {56, "c37b44e5f1b18554b36966f4f8e08bfbf3164c4b6c10374d12d89850892073c5"},
    {57, "12b234922502022f755ab8550a3d4e202ad39c81d961a4f59ec39d5fd83d15a7"},
    {63, "bbba992d2c85af960fb2987a1fd05e0aa82a3db3c740dd8982a9e273b75e36a3"},
    {64, "66bd4633ed6f71c4ecfa4763bf7ba1c8ec7612de9aa6c0578a7b675207c71e0b"},
    {65, "9f7dc47107b750a1f3d35db5d9547f24ef40da5b731b9540d4f43710a154f6c9"},
    {119, "a3ed307b730fa77c07531300c6e4a282330011d4d4caf6bb7b63ae05950f4b66"},
    {120, "8e3b15d9fea7472655aa069620b7f8c2e55ee1499f763200a7515fe826e99d20"},
    {127, "44480fb9672845177f5368a08b69ea263275f2a5ec42e06a933370fe0d2968a4"},
    {128, "e462c130fef8c97e34f7dc3ff3ad2f8b3533ab849af21c10531552a2852387a4"},
    {129, "aa7ea4e8bf89146aeb67ff195fd8182a0e504c9d580aa7af8d2c862e14b98405"},
    {183, "46bf63331296b1340c9b516a910fd8829d3e27963d03db81be8e170a997a5902"},
    {184, "6351d3ed7f7fef0aa73191f1e6e5a524a4140949ae4fe8cbcf8e6663dc9e58d4"},
    {200, "397276ea1f65a10cbd90e9d622ab533cf9fc4e14056fc9915feb8f4a52d47dc7"},
};

static void test_lengths(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(lengths); i++)
        assert_string_equal(hash_of(at_page_end((const char *)pattern, lengths[i].len), lengths[i].len),
                            lengths[i].hash);
}

/* The hash of the hashes of all lengths from 0 to 200. */
static void test_all_lengths(void **state)
{
    tkr_sha256 all;
    (void)state;
    tkr_sha256_begin(&all);
    for (size_t len = 0; len <= sizeof pattern; len++) {
        unsigned char digest[TKR_SHA256_SIZE];
        tkr_sha256 one;
        tkr_sha256_begin(&one);
        tkr_sha256_add(&one, pattern, len);
        tkr_sha256_end(&one, digest);
        tkr_sha256_add(&all, digest, sizeof digest);
    }
    assert_string_equal(hex_of(&all), "a762260eaf7d0bf0f3e5c702dd2bc7de18bb629df9cad5b668d384084812f4f8");
}

/* However the bytes arrive. */
static void test_pieces(void **state)
{
    (void)state;
    for (size_t first = 0; first <= sizeof pattern; first++)
        for (size_t second = 0; first + second <= sizeof pattern; second += 13) {
            tkr_sha256 hash;
            tkr_sha256_begin(&hash);
            tkr_sha256_add(&hash, pattern, first);
            tkr_sha256_add(&hash, pattern + first, second);
            tkr_sha256_add(&hash, pattern + first + second, sizeof pattern - first - second);
            assert_string_equal(hex_of(&hash), lengths[COUNT(lengths) - 1].hash);
        }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),    cmocka_unit_test(test_a_million), cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_all_lengths), cmocka_unit_test(test_pieces),
    };
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (unsigned char)(7 * i + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
