"""float64_model.py - nerve's whole model a second time: in torch, float64, with autograd, one tweet after the other, and every sum written out.

It follows docs/method.md and the head comments of src/nerve/forward.c, src/nerve/objective.c, src/models/{bert,vit,cross,crf}.h, and shares no code with
them. The weights come from a checkpoint (h5py). whole_models.py holds nerve against it, and make_checkpoint.py writes down what it finds.
"""
import json
import math

import h5py
import torch
import yaml

torch.set_default_dtype(torch.float64)
FORBIDDEN = -1e4
TIERS = ('text', 'image')


def softplus(x):
    return torch.log1p(torch.exp(-x.abs())) + x.clamp(min=0)


class Model:
    """A checkpoint's model. p: {name: leaf}, whose gradients autograd fills."""

    def __init__(self, path):
        with h5py.File(path, 'r') as file:
            meta = {name: item[()] for name, item in file['meta'].items()}
            self.p = {}

            def visit(name, item):
                if isinstance(item, h5py.Dataset):
                    self.p[name] = torch.tensor(item[()], dtype=torch.float64, requires_grad=True)
            file['parameters'].visititems(visit)
        self.config = yaml.safe_load(meta['config'])
        self.m, self.loss_keys = self.config['model'], self.config['loss']
        self.bert = json.loads(meta['encoder'])
        self.vision = json.loads(meta['vision']) if 'vision' in meta else None
        self.vocabulary = meta['vocabulary'].decode()
        self.max_length = int(meta['max_length'])
        self.temperature = float(meta.get('temperature', 1))
        self.types = meta['types'].decode().split()
        self.tags = ['O'] + [f'{part}-{name}' for name in self.types for part in 'BI']
        self.fusion = self.m['fusion']
        self.nig = self.fusion.startswith('monig')
        self.two_heads = self.nig or self.fusion in ('average', 'dirichlet')
        self.looks = self.fusion not in ('text', 'append') and self.m['visual'] != 'none'
        self.by_tag = self.m['image_query'] == 'tags' and (self.two_heads or self.fusion == 'image')
        residual = self.m['cross_residual']
        self.residual = not (self.two_heads or self.fusion == 'image') if residual == 'auto' else residual in (True, 'true')
        self.allowed = self.bio() if self.m['crf'] and self.m['bio_constraints'] else None

    # ---- small things ----

    def affine(self, x, name):
        w, b = self.p[f'{name}.weight'], self.p[f'{name}.bias']
        low, high = self.p.get(f'{name}.lora_A.weight'), self.p.get(f'{name}.lora_B.weight')
        if low is not None:
            kind = 'vision_lora' if name.startswith('vision.') else 'lora'
            w = w + self.m[f'{kind}_alpha'] / self.m[f'{kind}_rank'] * (high @ low)
        return x @ w.reshape(w.shape[0], -1).T + b

    def norm(self, x, name, eps):
        mean = x.mean(-1, keepdim=True)
        variance = ((x - mean) ** 2).mean(-1, keepdim=True)
        return (x - mean) / torch.sqrt(variance + eps) * self.p[f'{name}.weight'] + self.p[f'{name}.bias']

    @staticmethod
    def attention(q, k, v, heads):
        """q [N,C], k, v [M,C]: each head by itself, its columns side by side."""
        width = q.shape[1] // heads
        out = []
        for h in range(heads):
            part = slice(h * width, (h + 1) * width)
            weights = torch.softmax(q[:, part] @ k[:, part].T / math.sqrt(width), -1)
            out.append(weights @ v[:, part])
        return torch.cat(out, 1)

    @staticmethod
    def activation(x, name):
        if name == 'gelu':
            return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))
        assert name == 'quick_gelu', name
        return x * torch.sigmoid(1.702 * x)

    # ---- encoders ----

    def encode_text(self, ids, types, prefix):
        """The last hidden state of one sequence."""
        c, eps, e = self.bert, self.bert['layer_norm_eps'], f'{prefix}embeddings.'
        x = (self.p[f'{e}word_embeddings.weight'][ids] + self.p[f'{e}position_embeddings.weight'][:len(ids)] +
             self.p[f'{e}token_type_embeddings.weight'][types])
        x = self.norm(x, f'{e}LayerNorm', eps)
        for layer in range(c['num_hidden_layers']):
            n = f'{prefix}encoder.layer.{layer}.'
            a = n + 'attention.self.'
            seen = self.attention(self.affine(x, a + 'query'), self.affine(x, a + 'key'), self.affine(x, a + 'value'), c['num_attention_heads'])
            h = self.norm(x + self.affine(seen, n + 'attention.output.dense'), n + 'attention.output.LayerNorm', eps)
            fed = self.affine(self.activation(self.affine(h, n + 'intermediate.dense'), c['hidden_act']), n + 'output.dense')
            x = self.norm(h + fed, n + 'output.LayerNorm', eps)
        return x

    def encode_picture(self, pixels):
        """pixels [3,S,S] -> visual tokens, class row first."""
        c, eps, side = self.vision, self.vision['layer_norm_eps'], self.vision['patch_size']
        across = pixels.shape[1] // side
        squares = torch.stack([pixels[:, r * side:(r + 1) * side, k * side:(k + 1) * side].reshape(-1) for r in range(across) for k in range(across)])
        e = 'vision.embeddings.'
        patches = self.affine(squares, e + 'patch_embeddings.projection')
        x = torch.cat([self.p[e + 'cls_token'].reshape(1, -1), patches]) + self.p[e + 'position_embeddings'].reshape(-1, patches.shape[1])
        last = c['output']['layer']
        for layer in range(c['num_hidden_layers'] if last < 0 else last):
            n = f'vision.encoder.layer.{layer}.'
            a = n + 'attention.attention.'
            y = self.norm(x, n + 'layernorm_before', eps)
            seen = self.attention(self.affine(y, a + 'query'), self.affine(y, a + 'key'), self.affine(y, a + 'value'), c['num_attention_heads'])
            h = x + self.affine(seen, n + 'attention.output.dense')
            y = self.norm(h, n + 'layernorm_after', eps)
            x = h + self.affine(self.activation(self.affine(y, n + 'intermediate.dense'), c['hidden_act']), n + 'output.dense')
        if last < 0:
            x = self.norm(x, 'vision.layernorm', eps)
        return x[0 if c['output']['class_token'] else 1:None if c['output']['patch_tokens'] else 1]

    def visual_tokens(self, look):
        """look: None, ('caption', ids) or ('pixels', [3,S,S])."""
        if look is None:
            return None
        if look[0] == 'pixels':
            return self.encode_picture(look[1])
        own = self.m['caption_encoder'] == 'own'
        return self.encode_text(look[1], torch.zeros(len(look[1]), dtype=torch.long), 'caption.' if own else 'bert.')

    # ---- one tweet ----

    def see(self, words, visual):
        """What the words, or the queries of tags, find in the picture."""
        x = self.p['cross.tag_query'] if self.by_tag else words
        if visual is None:
            return words if self.residual and not self.by_tag else torch.zeros_like(x)
        y = self.affine(self.attention(self.affine(x, 'cross.query'), self.affine(visual, 'cross.key'), self.affine(visual, 'cross.value'),
                                       self.bert['num_attention_heads']), 'cross.output')
        if self.residual or self.by_tag:
            y = y + x
        return self.norm(y, 'cross.LayerNorm', self.bert['layer_norm_eps'])

    def picture_planes(self, seen, n, planes):
        """What the picture's head gives, [planes,n,L]."""
        L = len(self.tags)
        z = self.affine(seen, 'visual_classifier')
        if self.by_tag:  # [L,planes], the same for each word
            return z.T.reshape(planes, 1, L).expand(planes, n, L)
        return z.reshape(n, planes, L).permute(1, 0, 2)

    def belief(self, z):
        """z [4,n,L] -> gamma, nu, alpha, beta."""
        m = self.m
        gamma = torch.softmax(z[0], -1) if self.fusion == 'monig-prob' else z[0]
        nu = softplus(z[1]).clamp(m['nu_min'], m['nu_max'])
        alpha = (1 + (nu if m['tie_alpha'] else softplus(z[2]))).clamp(m['alpha_min'], m['alpha_max'])
        return torch.stack([gamma, nu, alpha, m['beta_min'] + softplus(z[3])])

    def mixture(self, beliefs):
        nu = sum(x[1] for x in beliefs)
        gamma = sum(x[1] * x[0] for x in beliefs) / nu
        if self.m['vacuous_neutral']:
            alpha = 1 + sum(x[2] - 1 for x in beliefs)
        else:
            alpha = sum(x[2] for x in beliefs) + (len(beliefs) - 1) / 2
        beta = sum(x[3] for x in beliefs) + 0.5 * sum(x[1] * (x[0] - gamma) ** 2 for x in beliefs)
        return torch.stack([gamma, nu, alpha, beta])

    def dempster(self, evidence):
        """Han et al. 2021, as printed: masses, conflict, normalisation."""
        L = len(self.tags)
        e = evidence[0]
        for other in evidence[1:]:
            s1, s2 = (x.sum(-1, keepdim=True) + L for x in (e, other))
            b1, b2, u1, u2 = e / s1, other / s2, L / s1, L / s2
            conflict = b1.sum(-1, keepdim=True) * b2.sum(-1, keepdim=True) - (b1 * b2).sum(-1, keepdim=True)
            b, u = (b1 * b2 + b1 * u2 + b2 * u1) / (1 - conflict), u1 * u2 / (1 - conflict)
            e = b * L / u
        return e

    def scores(self, belief):
        """Emissions of a NIG belief."""
        if self.fusion == 'monig-prob':
            return torch.log(belief[0] + 1e-6)
        return self.p['emissions.scale'] * belief[0] + self.p['emissions.offset']

    def tweet(self, ids, types, first, look, heard=True):
        """Of one tweet: emissions [n,L], what each modality holds (None: it is missing) and what is fused."""
        hidden = self.encode_text(ids, types, 'bert.')
        words = hidden[first]
        n, L = len(words), len(self.tags)
        visual = self.visual_tokens(look) if self.looks else None
        seen = self.see(words, visual) if self.looks else None
        out = {'text': None, 'image': None, 'fused': None}
        if self.fusion in ('text', 'append'):
            out['emissions'] = self.affine(words, 'classifier')
        elif self.fusion == 'image':
            out['emissions'] = self.picture_planes(seen, n, 1)[0]
        elif self.fusion == 'cross':
            out['emissions'] = self.affine(seen, 'classifier')
        elif self.fusion in ('concat', 'gate'):
            if self.fusion == 'gate':
                seen = torch.sigmoid(self.affine(words, 'gate.word') + self.affine(seen, 'gate.seen')) * seen
            out['emissions'] = self.affine(words, 'classifier') + self.affine(seen, 'visual_classifier')
        else:
            planes = 4 if self.nig else 1
            own = self.affine(words, 'classifier').reshape(n, planes, L).permute(1, 0, 2)
            of_picture = None if visual is None else self.picture_planes(seen, n, planes)
            make = self.belief if self.nig else (lambda z: softplus(z[0])) if self.fusion == 'dirichlet' else (lambda z: z[0])
            out['text'] = make(own) if heard else None
            out['image'] = None if of_picture is None else make(of_picture)
            there = [out[k] for k in TIERS if out[k] is not None]
            if self.nig:
                out['fused'] = self.mixture(there)
                out['emissions'] = self.scores(out['fused'])
            elif self.fusion == 'dirichlet':
                out['fused'] = self.dempster(there)
                alpha = out['fused'] + 1
                out['emissions'] = torch.log(alpha / alpha.sum(-1, keepdim=True))
            else:
                out['emissions'] = sum(torch.log_softmax(z, -1) for z in there) / len(there)
        return out

    # ---- the chain ----

    def bio(self):
        """(start [L], transition [L,L]): what BIO allows."""
        def follows(before, tag):
            return not tag.startswith('I-') or (before is not None and before != 'O' and before[2:] == tag[2:])
        return (torch.tensor([follows(None, tag) for tag in self.tags]),
                torch.tensor([[follows(before, tag) for tag in self.tags] for before in self.tags]))

    def chain(self, temperature=1):
        start, transition, end = (self.p[f'crf.{name}'] / temperature for name in ('start_transitions', 'transitions', 'end_transitions'))
        if self.allowed:
            start = torch.where(self.allowed[0], start, FORBIDDEN)
            transition = torch.where(self.allowed[1], transition, FORBIDDEN)
        return start, transition, end

    def log_z(self, x, temperature=1):
        """x is divided by the temperature already."""
        start, transition, end = self.chain(temperature)
        a = start + x[0]
        for row in x[1:]:
            a = torch.logsumexp(a[:, None] + transition, 0) + row
        return torch.logsumexp(a + end, 0)

    def nll(self, x, gold):
        if not self.m['crf']:
            return -torch.log_softmax(x, -1)[range(len(gold)), gold].sum()
        start, transition, end = self.chain()
        score = start[gold[0]] + x[range(len(gold)), gold].sum() + transition[gold[:-1], gold[1:]].sum() + end[gold[-1]]
        return self.log_z(x) - score

    def marginals(self, x):
        """d log Z / d emissions."""
        x = x.detach().clone().requires_grad_()
        return torch.autograd.grad(self.log_z(x), x)[0]

    def decode(self, x):
        x = x.detach()
        if not self.m['crf']:
            return x.argmax(-1)
        start, transition, end = (part.detach() for part in self.chain())
        a, back = start + x[0], []
        for row in x[1:]:
            best = (a[:, None] + transition).max(0)
            a, back = best.values + row, back + [best.indices]
        path = [int((a + end).argmax())]
        for pointers in reversed(back):
            path.insert(0, int(pointers[path[0]]))
        return torch.tensor(path)

    # ---- uncertainty ----

    @staticmethod
    def uncertainty(belief, tags):
        """[n,3]: aleatoric, epistemic, predictive scale of each word at its tag."""
        gamma, nu, alpha, beta = belief[:, range(len(tags)), tags]
        return torch.stack([beta / (alpha - 1), beta / (alpha - 1) / nu, torch.sqrt(beta * (1 + nu) / (nu * alpha))], -1)

    @staticmethod
    def conflict_and_share(text, image, fused, tags):
        g1, n1 = text[:2, range(len(tags)), tags]
        g2, n2 = image[:2, range(len(tags)), tags]
        return torch.stack([0.5 * n1 * n2 / (n1 + n2) * (g1 - g2) ** 2, n2 / fused[1, range(len(tags)), tags]], -1)

    # ---- the loss of one tweet ----

    def evidence_loss(self, x, gold, balance):
        L, target = len(self.tags), torch.nn.functional.one_hot(gold, len(self.tags)).to(x.dtype)
        if self.fusion == 'dirichlet':
            alpha = target + (1 - target) * (x + 1)
            s = alpha.sum(-1, keepdim=True)
            kl = (torch.lgamma(s).squeeze(-1) - torch.lgamma(alpha).sum(-1) - math.lgamma(L) +
                  ((alpha - 1) * (torch.digamma(alpha) - torch.digamma(s))).sum(-1))
            return kl.sum()
        gamma, nu, alpha, beta = x
        student = torch.distributions.StudentT(2 * alpha, gamma, torch.sqrt(beta * (1 + nu) / (nu * alpha)))
        terms = -student.log_prob(target) + self.loss_keys['regulariser'] * (target - gamma).abs() * (2 * nu + alpha)
        return (balance[gold][:, None] * terms).sum()

    def own_loss(self, x, gold):
        """Cross-entropy of one modality, word by word."""
        n = range(len(gold))
        if self.fusion == 'dirichlet':
            alpha = x + 1
            return torch.digamma(alpha.sum(-1)) - torch.digamma(alpha[n, gold])
        if self.fusion == 'monig-prob':
            return -torch.log(x[0][n, gold])
        return -torch.log_softmax(self.scores(x) if self.nig else x, -1)[n, gold]

    def loss(self, out, gold, counts, noise=False):
        """All terms at their full weight. counts [L]: of the training words of each tag. noise: the picture is none."""
        ones = torch.ones(len(counts))
        inverse = self.inverse_frequency(counts)
        balance = inverse if self.loss_keys['class_balanced'] else ones
        own = {'text': ones, 'image': inverse if self.loss_keys['image_balanced'] else ones}
        total = self.nll(out['emissions'], gold)
        if not self.two_heads:
            return total
        for kind in TIERS:
            if out[kind] is None:
                continue
            total = total + self.loss_keys['modality'] * (own[kind][gold] * self.own_loss(out[kind], gold)).sum()
            if self.fusion != 'average':
                total = total + self.loss_keys['evidence'] * self.evidence_loss(out[kind], gold, balance)
        if self.fusion != 'average':
            total = total + self.loss_keys['evidence'] * self.evidence_loss(out['fused'], gold, balance)
        if self.nig and noise:
            _, nu, alpha, _ = out['image']
            total = total + self.loss_keys['noise'] * (2 * nu + alpha).sum()
        return total

    @staticmethod
    def inverse_frequency(counts):
        """1 on the average of the training words."""
        occur = sum(1 for c in counts if c > 0)
        return torch.tensor([sum(counts) / (occur * max(c, 1)) for c in counts])
