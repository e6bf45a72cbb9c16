/* Every claim that suite.h makes of a table, for the engine's ops and for the small ones they are held against. */
#include "cases.h"

int main(int argc, char **argv)
{
    const suite suites[] = {engine_suite, small_suite};
    return suite_main(suites, 2, argc, argv);
}
