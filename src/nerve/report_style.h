/* report_style.h - how the report looks: on a bright or a dark screen, and on paper. */
#ifndef NERVE_REPORT_STYLE_H
#define NERVE_REPORT_STYLE_H

extern const char *const report_style; /* CSS */

#endif
