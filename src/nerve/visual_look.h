/* visual_look.h - what each of some tweets shows: a picture or a caption of its own, or what the source has for its id. */
#ifndef NERVE_VISUAL_LOOK_H
#define NERVE_VISUAL_LOOK_H

#include "visual_source.h"

/* Where what a tweet shows is to be found; each member may be NULL. image: a path below the source's folder; caption: the words themselves.
 * Without either it is what the source has for the id. All borrowed. */
struct visual_look {
    const char *id, *image, *caption;
};

/* Whether a model of this source can take the look's own picture or caption; if not, why says what it takes. A model that looks at nothing
 * (SOURCE_NONE) takes anything and uses none of it. */
bool visual_look_suits(enum config_visual source, const struct visual_look *look, char *why, size_t room);

/* What the n tweets of x show: fills *visual, and with FUSION_APPEND sets captions behind the tweets. Each look must suit. report is told,
 * in the order of the tweets, of what is there but cannot be used, and of a path at which there is no picture: the tweet goes without.
 * v, whose files may all be missing, must outlive *visual. */
int visual_look_up(const struct visual_source *v, const struct model *m, int n, const struct visual_look *looks, visual_report report,
                   void *context, struct encoded *x, struct visual *visual, struct err *e);

#endif
