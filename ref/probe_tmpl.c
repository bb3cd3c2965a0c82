/* SPDX-License-Identifier: MIT
 *
 * What a pass shows to a probe: the result of each equation, as soon as it is there.  A stage shows its
 * results when its last part is done (with a probe there is one thread, so parts come in order); what it goes on to add
 * to or to overwrite it shows part by part.
 */

static inline void R(show)(const struct step *s, const char *equation, int64_t row, int64_t rows, int64_t columns,
                           const real *values)
{
    if (!s->probe || rows <= 0)
        return;
    const struct ttt_mlp_stage stage = {equation, s->bh, s->mini_batch, row, rows, columns, values + row * columns};
    s->probe(s->probe_context, &stage);
}

static inline int R(shows)(const struct step *s, int part)
{
    return s->probe && part == s->parts - 1;
}

/* inner_rows. */
static void R(show_inner)(const struct step *s, int part)
{
    if (!R(shows)(s, part))
        return;
    R(show)(s, "F1 Z1", 0, s->rows, s->D, s->in.Z1);
    R(show)(s, "gelu X2", 0, s->rows, s->D, s->X2q);
    R(show)(s, "F2 Z2", 0, s->rows, s->F, s->Z2);
    R(show)(s, "norm_l2_grad gZ2", 0, s->rows, s->F, s->in.gZ2);
    R(show)(s, "F3 gX2", 0, s->rows, s->D, s->in.gX2);
    R(show)(s, "gelu' gZ1", 0, s->rows, s->D, s->slope);
}

/* update_slice. */
static void R(show_update)(const struct step *s, int part)
{
    if (!R(shows)(s, part))
        return;
    R(show)(s, "F4 W1", 0, s->F, s->D, s->S1.W1);
    R(show)(s, "F4 b1", 0, 1, s->D, s->S1.b1);
    R(show)(s, "F5 W2", 0, s->D, s->F, s->S1.W2);
    R(show)(s, "F5 b2", 0, 1, s->F, s->S1.b2);
}

/* output_rows, which both passes begin with. */
static void R(show_output)(const struct step *s)
{
    R(show)(s, "F6 Z1b", 0, s->rows, s->D, s->Z1b);
    R(show)(s, "gelu X2b", 0, s->rows, s->D, s->X2bq);
    R(show)(s, "F7 Z2b", 0, s->rows, s->F, s->Z2b);
}

/* output_forward. */
static void R(show_output_forward)(const struct step *s, int part)
{
    if (!R(shows)(s, part))
        return;
    R(show_output)(s);
    R(show)(s, "norm_output XQW", 0, s->rows, s->F, s->out);
}

#if TTT_REF_PRECISION != 128
/* output_backward. */
static void R(show_output_backward)(const struct step *s, int part)
{
    if (!R(shows)(s, part))
        return;
    R(show_output)(s);
    R(show)(s, "norm_output dZ2b", 0, s->rows, s->F, s->dZ2b);
    R(show)(s, "B1 dZ1b", 0, s->rows, s->D, s->dX2b);
    R(show)(s, "B4 dXQ", 0, s->rows, s->F, s->out);
}

/* output_gradient_slice of the non-causal form. */
static void R(show_output_gradient)(const struct step *s, int part)
{
    if (!R(shows)(s, part))
        return;
    R(show)(s, "B2 dW2", 0, s->D, s->F, s->dS.W2);
    R(show)(s, "B3 dW1", 0, s->F, s->D, s->dS.W1);
    R(show)(s, "B3 db1", 0, 1, s->D, s->dS.b1);
    R(show)(s, "B2 db2", 0, 1, s->F, s->dS.b2);
}

/* inner_backward. */
static void R(show_inner_backward)(const struct step *s, int part)
{
    if (!R(shows)(s, part))
        return;
    R(show)(s, "B7 dgZ2", 0, s->rows, s->F, s->dgZ2);
    R(show)(s, "norm_l2_grad dZ2", 0, s->rows, s->F, s->dZ2);
    R(show)(s, "norm_l2_grad dV", 0, s->rows, s->F, s->dV);
    R(show)(s, "B11 dX2", 0, s->rows, s->D, s->dX2);
    R(show)(s, "gelu' dZ1", 0, s->rows, s->D, s->dgZ1);
    R(show)(s, "B12 dXK", 0, s->rows, s->F, s->dK);
}

/* inner_gradient_slice. */
static void R(show_inner_gradient)(const struct step *s, int part)
{
    if (!R(shows)(s, part))
        return;
    R(show)(s, "B13 dW1", 0, s->F, s->D, s->dS.W1);
    R(show)(s, "B13 db1", 0, 1, s->D, s->dS.b1);
    R(show)(s, "B14 dW2", 0, s->D, s->F, s->dS.W2);
    R(show)(s, "B14 db2", 0, 1, s->F, s->dS.b2);
}
#endif
